// What is wrong with how a page is laid out, as sentences: run in the page after it has settled.
() => {
  const LEAST_PX = 12.5, found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > root.clientWidth + 1);
    const who = wide.slice(-3).map((one) => `${one.tagName.toLowerCase()}${one.id && "#" + one.id}.${one.className?.baseVal ?? one.className}`);
    found.push(`the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth}: ${who.join(", ")}`);
  }
  const open = document.querySelector("dialog[open]");
  const shown = (element) => {
    if (open && !open.contains(element)) return null;
    // Also what lies in closed details.
    if (!element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true, opacityProperty: true })) return null;
    let box = { left: -1e9, top: -1e9, right: 1e9, bottom: 1e9 };
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.display === "none" || style.visibility !== "visible" || style.opacity === "0") return null;
      if (one.closest(".only-read, .skip, .sprite, noscript, title, option")) return null;
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      if (one === document.body || one === root) continue;
      const r = one.getBoundingClientRect();
      // For readers only.
      if (r.width < 2 && r.height < 2) return null;
      box = { left: Math.max(box.left, r.left), top: Math.max(box.top, r.top), right: Math.min(box.right, r.right), bottom: Math.min(box.bottom, r.bottom) };
    }
    return box;
  };
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const words = node.data.trim();
    if (!words || ["SCRIPT", "STYLE"].includes(node.parentElement.tagName)) continue;
    const clip = shown(node.parentElement);
    if (!clip) continue;
    const style = getComputedStyle(node.parentElement), svg = node.parentElement.ownerSVGElement;
    const scale = svg ? node.parentElement.getScreenCTM().a || node.parentElement.getScreenCTM().b || 1 : 1;
    const size = parseFloat(style.fontSize) * Math.abs(scale);
    if (size < LEAST_PX - 0.01) found.push(`text of ${size.toFixed(1)} px: "${words.slice(0, 40)}"`);
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      // A line's box is higher than its letters.
      const trim = (r.bottom - r.top) * 0.22;
      const box = { left: Math.max(r.left, clip.left), right: Math.min(r.right, clip.right), top: Math.max(r.top + trim, clip.top), bottom: Math.min(r.bottom - trim, clip.bottom) };
      const isFixed = node.parentElement.closest("#toasts, .band");
      if (box.right - box.left > 1 && box.bottom - box.top > 1 && !isFixed) texts.push({ ...box, words, node });
    }
    // Cut off without a sign of it.
    const holder = node.parentElement, cut = style.overflowX === "hidden" && holder.scrollWidth > holder.clientWidth + 1;
    if (cut && style.textOverflow !== "ellipsis") found.push(`cut off: "${words.slice(0, 60)}"`);
  }
  texts.sort((a, b) => a.left - b.left);
  texts.forEach((one, n) => {
    for (let m = n + 1; m < texts.length && texts[m].left < one.right - 2; m++) {
      const other = texts[m];
      if (other.node !== one.node && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 2)
        found.push(`"${one.words.slice(0, 40)}" lies over "${other.words.slice(0, 40)}"`);
    }
  });
  for (const field of document.querySelectorAll("button, .button, select, input:not([type=hidden]), a[href]")) {
    const r = field.getBoundingClientRect();
    if (!shown(field) || !r.width) continue;
    if (field.matches("button, .button, select") && (r.width < 23.5 || r.height < 23.5)) found.push(`a target of ${r.width.toFixed()} x ${r.height.toFixed()} px: "${(field.innerText || field.name).trim().slice(0, 40)}"`);
    if (field.matches("button, .button") && field.scrollWidth > field.clientWidth + 1 && !field.querySelector(".act-word")) found.push(`a button's words are wider than it: "${field.innerText.trim().slice(0, 40)}"`);
  }
  // What canvases were given as labels of axes (see ``watching.js``).
  for (const canvas of document.querySelectorAll(".chart canvas")) {
    const labels = [...(canvas.drawnLabels ?? [])];
    if (!labels.length) found.push("a chart without a label at its axes");
    for (const label of labels) if (!/ \/ |（|\(/.test(label) && !/^(cycle|循环|lab time|实验室时间)/i.test(label)) found.push(`an axis without a unit: "${label}"`);
  }
  for (const chart of document.querySelectorAll(".course svg")) {
    const labels = [...chart.querySelectorAll(".axis text")].map((one) => one.textContent).filter((one) => /[^\d.,\u2212-]/.test(one));
    if (labels.length < 2 || labels.some((one) => !/ \/ /.test(one))) found.push(`a course's axes: ${labels.join("; ")}`);
  }
  return [...new Set(found)];
}
