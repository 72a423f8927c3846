// Takes the screenshots of the docs. They are written to docs/images with PANOPTES_UPDATE_SCREENSHOTS=1 alone: each
// one is a little different, since times go by.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open, phone } from "./browser.mjs";
import { start } from "./fleet.mjs";

const docs = join(import.meta.dirname, "../../docs");
const update = process.env.PANOPTES_UPDATE_SCREENSHOTS === "1";
const most = 220_000; // bytes of a picture

let browser, fleet;
before(async () => {
  browser = await launch();
  fleet = await start();
});
after(async () => {
  await browser?.close();
  await fleet?.stop();
});

const router = 'resource_site = "fra2"';
const shots = {
  "status-overview": { path: "" },
  "status-plugins": { path: "plugins?sort=series" },
  "status-resources": { path: "resources?size=4", act: (page) => page.getByText("Metadata and store key").first().click() },
  "status-tasks-dark": { path: "tasks?size=8", options: { colorScheme: "dark" } },
  "status-matrix": { path: "matrix?filter=" + encodeURIComponent(router) },
  "status-task": {
    path: "task?plugin=BGP+Sessions&site=fra2&class=network&subclass=router&type=juniper&id=router-fra2-02",
  },
  "status-phone": { path: "tasks?size=3&state=failing", options: { viewport: phone } },
};

for (const [name, { path, options, act }] of Object.entries(shots)) {
  test(`${name}.png`, async () => {
    const page = await open(browser, fleet.url + path, { viewport: { width: 1000, height: 400 }, ...options });
    await act?.(page);
    // The test's own folder is nobody's business.
    await page.evaluate((folder) => {
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(folder, "/etc/panoptes");
    }, fleet.folder);
    const picture = await page.screenshot({ fullPage: true });
    assert.ok(picture.length > 5_000 && picture.length < most, `${picture.length} bytes`);
    const file = join(docs, "images", `${name}.png`);
    if (update) writeFileSync(file, picture);
    assert.ok(readFileSync(file).length < most, "the one of the docs: PANOPTES_UPDATE_SCREENSHOTS=1 make test-browser writes it");
    assert.match(readFileSync(join(docs, "status.md"), "utf8"), new RegExp(`images/${name}\\.png`));
    await page.context().close();
  });
}
