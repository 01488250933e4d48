// Keeps which texts a canvas was given in the font of the labels of axes.
const drawn = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
  if (/^(\d+(\.\d+)?)px/.test(this.font)) {
    const px = parseFloat(this.font) / devicePixelRatio;
    if (Math.abs(px - 13) < 0.01) (this.canvas.drawnLabels ??= new Set()).add(text);
    if (px < 12.49) (this.canvas.drawnSmall ??= new Set()).add(text);
  }
  return drawn.call(this, text, ...at);
};
