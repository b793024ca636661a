"""How a page is looked at: the sizes and colours of screens, and what everybody must be able to read and reach."""

from typing import Literal

import pytest

Scheme = Literal["light", "dark"]
PHONE, DESK = (390, 844), (1280, 800)
LOOKS = [
    pytest.param(PHONE, "zh-CN", "light", id="phone-zh-CN-light"),
    pytest.param(PHONE, "en", "dark", id="phone-en-dark"),
    pytest.param(DESK, "en", "dark", id="desk-en-dark"),
]
"""(size, language, scheme): words are too long on a phone, colours are the same on every size."""
TEXTS = [pytest.param(PHONE, "dark", id="phone-dark"), pytest.param(DESK, "light", id="desk-light")]
"""(size, scheme), where widths are looked at elsewhere."""

# What WCAG 2 calls contrast, of every text that is seen, on the ground that lies behind it.
CONTRAST = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = rgba(getComputedStyle(each).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("white");
  };
  const poor = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    const element = texts.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest(".sr-only, noscript, option, meter")) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.className} ${text}`);
  }
  return poor;
}"""

NAMELESS = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, canvas")]
  .filter((each) => each.checkVisibility() && !each.innerText?.trim())
  .filter((each) => !each.getAttribute("aria-label") && !each.labels?.length)
  .map((each) => each.outerHTML)"""
