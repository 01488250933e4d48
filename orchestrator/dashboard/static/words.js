// The words of the pages in the language of this page: the same table as the server's.
export const lang = document.documentElement.lang === "zh" ? "zh" : "en";

const texts = await (await fetch(new URL(`./words-${lang}.json`, import.meta.url))).json();

export const has = (code) => Object.hasOwn(texts, code);

// A name whose signs of direction end with it, and do not turn what stands behind.
const apart = (value) => (/[\u202a-\u202e\u2066-\u2069]/.test(value) ? `\u2068${value}\u2069` : value);

// The text of a code with its values; a code that is not in the table is shown as it is, so that nothing is hidden.
export function t(code, values = {}) {
  if (!has(code)) return code;
  return texts[code].replace(/\{\{|\}\}|\{(\w+)\}/g, (found, name) =>
    name === undefined ? found[0] : Object.hasOwn(values, name) ? apart(String(values[name])) : found,
  );
}

// The text of a code with its braces, "" for a code that is not in the table.
export const text = (code) => (has(code) ? texts[code] : "");

// Makes an element with what it has.
export const make = (tag, has) => Object.assign(document.createElement(tag), has);
