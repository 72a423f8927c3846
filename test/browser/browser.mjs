// Chromium for the tests: the one that PANOPTES_CHROMIUM names, or that scripts/chromium finds.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const phone = { width: 390, height: 844 };
// small is what a page of 1280 pixels becomes at a magnification of 4, where it must still fit (WCAG 1.4.10).
export const small = { width: 320, height: 600 };
export const tablet = { width: 768, height: 1024 };
export const narrow = { width: 920, height: 700 };
export const desktop = { width: 1280, height: 900 };

export function launch() {
  const executablePath =
    process.env.PANOPTES_CHROMIUM ?? execFileSync(join(import.meta.dirname, "../../scripts/chromium"), ["path"], { encoding: "utf8" }).trim();
  return chromium.launch({ executablePath });
}

// open opens a page in a context of its own, and notes all that the browser complains of: the page's complaints. Those of
// the Content-Security-Policy are among them, since Chromium writes them to the console as errors.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: desktop, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && page.complaints.push(m.text()));
  page.on("pageerror", (err) => page.complaints.push(String(err)));
  // A request that ends because the browser leaves the page is nothing to complain of.
  page.on("requestfailed", (r) => r.failure()?.errorText === "net::ERR_ABORTED" || page.complaints.push(`${r.url()}: ${r.failure()?.errorText}`));
  page.answer = await page.goto(url);
  await page.waitForLoadState("networkidle"); // the icon comes last, and to leave the page before would abort it
  return page;
}

// quiet asserts that the browser had nothing to complain of.
export function quiet(page) {
  assert.deepEqual(page.complaints, []);
}

// levels are the tags of axe-core's rules that count; contrasts is the one rule that the dark can break and the light not.
const levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
export const contrasts = ["color-contrast", "link-in-text-block"];

// inPage are functions for the page: contrast is that of two colours, behind the colour behind an element.
const inPage = `
const luminance = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
  return (x + 0.05) / (y + 0.05);
};
const behind = (e) => {
  const color = getComputedStyle(e).backgroundColor;
  return color !== "rgba(0, 0, 0, 0)" || !e.parentElement ? color : behind(e.parentElement);
};`;

// accessible asserts that axe-core finds no violation of WCAG 2.2 AA, nor a contrast that it cannot tell.
export async function accessible(page, runOnly = levels) {
  await page.evaluate(axeSource);
  const { violations, incomplete } = await page.evaluate(
    (rules) => axe.run(document, { runOnly: rules, resultTypes: ["violations", "incomplete"] }),
    runOnly,
  );
  const shown = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" ").slice(0, 400)}`);
  // Of a single sign it does not say whether that is text; here it counts as text.
  const signs = incomplete.filter((i) => i.id === "color-contrast").flatMap((i) => i.nodes.map((n) => n.target.at(-1)));
  const faint = await page.evaluate(`{${inPage}
    ${JSON.stringify(signs)}.map((s) => document.querySelector(s)).map((e) => [e.textContent, contrast(getComputedStyle(e).color, behind(e))]).filter(([, c]) => c < 4.5)}`);
  assert.deepEqual([...shown, ...faint], [], page.url());
}

// edges asserts what axe-core does not look at: that the edges of controls, and the ring around what has the focus, stand
// out from what is behind them by 3 to 1 (WCAG 1.4.11).
export async function edges(page) {
  const faint = await page.evaluate(`{${inPage}
    const found = [];
    for (const e of document.querySelectorAll("input:not([type=hidden]), select, button")) {
      const edge = contrast(getComputedStyle(e).borderTopColor, behind(e.parentElement));
      e.focus();
      const ring = contrast(getComputedStyle(e).outlineColor, behind(e.parentElement));
      if (edge < 3 || ring < 3) found.push(e.outerHTML.slice(0, 80) + ": edge " + edge + ", ring " + ring);
    }
    document.activeElement.blur();
    found}`);
  assert.deepEqual(faint, [], page.url());
}

// fits asserts that the page is no wider than its window: only what is meant to scroll does.
export async function fits(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(content <= window, `${page.url()} is ${content} wide in a window of ${window}`);
}

// rows are the names of the rows of the page's first table.
export function rows(page) {
  const names = page.locator("main table").first().locator("tbody th");
  return names.evaluateAll((all) => all.map((th) => (th.querySelector("a") ?? th.firstChild).textContent.trim()));
}
