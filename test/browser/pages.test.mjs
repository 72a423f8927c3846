// The status pages of the built Collector in a real Chromium: filters, links, without JavaScript, by keyboard, contrast, on a
// phone, and the buttons that need a password.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { accessible, contrasts, desktop, edges, fits, launch, narrow, open, phone, quiet, rows, small, tablet } from "./browser.mjs";
import { eventually } from "./collector.mjs";
import { start, tasks } from "./fleet.mjs";

let browser, fleet;
before(async () => {
  browser = await launch();
  fleet = await start();
});
after(async () => {
  await browser?.close();
  await fleet?.stop();
});

const task = (plugin, site, subclass, type, id) =>
  "task?" + new URLSearchParams({ receiver: "panoptes", plugin, site, class: "network", subclass, type, id });
const failing = task("BGP Sessions", "fra2", "router", "juniper", "router-fra2-02");
const good = task("Interfaces", "ams1", "switch", "arista", "switch-ams1-01");
const credentials = { httpCredentials: { username: "operator", password: "panoptes" } };
const authURL = () => `http://127.0.0.1:${fleet.ports.auth}/`;

describe("every page", () => {
  const paths = {
    "": 200, plugins: 200, "resources?size=9": 200, "tasks?size=9": 200, "tasks?plugin=Interfaces&size=5&page=3": 200, "tasks?q=nothing": 200,
    "matrix?size=9": 200, [failing]: 200, [good]: 200, "tasks?state=odd&size=3": 400, "task?plugin=none": 404,
  };
  // visit looks at every page, in one window.
  async function visit(colorScheme, look) {
    const page = await open(browser, fleet.url, { colorScheme });
    for (const [path, status] of Object.entries(paths)) {
      page.answer = await page.goto(fleet.url + path);
      assert.equal(page.answer.status(), status, path);
      assert.match(page.answer.headers()["content-security-policy"], /default-src 'none'/);
      await look(page);
      // What Chromium says of a status that is an error is no complaint of ours.
      page.complaints = page.complaints.filter((c) => status === 200 || !c.startsWith("Failed to load resource"));
      quiet(page);
    }
    await page.context().close();
  }

  test("meets WCAG 2.2 AA, and fits its window", () =>
    visit("light", async (page) => {
      for (const viewport of [desktop, narrow, tablet, phone, small]) {
        await page.setViewportSize(viewport);
        await fits(page);
        if (viewport !== desktop && viewport !== phone) continue; // laid out as one of the others
        await accessible(page);
        await edges(page);
      }
    }));

  test("has its contrasts in the dark, too", () =>
    visit("dark", async (page) => {
      await accessible(page, contrasts);
      await edges(page);
    }));

  test("is another in the dark", async () => {
    const colors = [];
    for (const colorScheme of ["light", "dark"]) {
      const page = await open(browser, fleet.url, { colorScheme });
      colors.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      await page.context().close();
    }
    assert.notEqual(colors[0], colors[1]);
  });
});

test("a warning says what to do", async () => {
  const page = await open(browser, fleet.url);
  await page.locator(".tiles").getByRole("link", { name: "1 warning" }).click();
  assert.match(page.url(), /#warnings$/);
  assert.match(await page.locator("main").innerText(), /there is no plugin "Interface", so it changes nothing\s+Next: did you mean "Interfaces"\?/);
  await page.context().close();
});

test("a list is narrowed down, and its address is a link to the same list", async () => {
  const page = await open(browser, fleet.url + "tasks");
  assert.equal((await rows(page)).length, 50);
  await page.getByLabel("Text").fill("FRA2");
  await page.getByLabel("Resource filter").fill('resource_subclass = "router" OR resource_subclass = "loadbalancer"');
  await page.getByLabel("Plugin").selectOption("Interfaces");
  await page.getByLabel("Order").selectOption("name");
  await page.getByRole("button", { name: "Apply" }).click();
  const want = ["Interfaces · lb-fra2-01", "Interfaces · router-fra2-01", "Interfaces · router-fra2-02"];
  assert.deepEqual(await rows(page), want);

  const fresh = await open(browser, page.url());
  assert.deepEqual(await rows(fresh), want);
  assert.equal(await fresh.getByLabel("Text").inputValue(), "FRA2");
  assert.equal(await fresh.getByLabel("Plugin").inputValue(), "Interfaces");
  assert.equal(await fresh.getByLabel("Order").inputValue(), "name");
  await fresh.getByRole("link", { name: "Clear" }).click();
  assert.match(await fresh.locator("main").innerText(), new RegExp(`${tasks} tasks`));

  // A state beside the other conditions, and an order by the heading of a column.
  await page.goto(fleet.url + "tasks?q=lb-ams1");
  await page.getByRole("link", { name: /failing/ }).click();
  assert.deepEqual(await rows(page), ["Load Balancer Pools · lb-ams1-01"]);
  assert.match(page.url(), /q=lb-ams1/);
  await page.goto(fleet.url + "tasks");
  await page.getByRole("link", { name: "Took" }).click();
  assert.equal((await rows(page))[0], "Load Balancer Pools · lb-ams1-01", "its run takes as long as it may");
  assert.equal(await page.locator("th[aria-sort=descending]").innerText(), "Took");

  // A filter that does not parse is named, with the place, and the list is there all the same.
  await page.getByLabel("Resource filter").fill("resource_site = fra2");
  await page.getByRole("button", { name: "Apply" }).click();
  assert.match(await page.getByRole("alert").innerText(), /filter: .*column 17/);
  assert.equal((await rows(page)).length, 50);
  page.complaints = page.complaints.filter((c) => !c.startsWith("Failed to load resource"));
  quiet(page);
  quiet(fresh);
  await page.context().close();
  await fresh.context().close();
});

test("plugins are ordered by what they cost, and say what is wrong", async () => {
  const page = await open(browser, fleet.url + "plugins");
  assert.equal((await rows(page))[0], "BGP Sessions", "by name, those that do not load among them");
  assert.match(await page.locator("main").innerText(), /Not running as the file says.*\n?.*SyntaxError/);
  assert.match(await page.locator("main").innerText(), /Last error .* on router-fra2-02: raised: SessionError/);
  for (const [heading, first] of [["Time", "Load Balancer Pools"], ["Bytes", "Interfaces"], ["Series", "Interfaces"], ["Points", "Interfaces"], ["Tasks", "Interfaces"]]) {
    await page.getByRole("main").getByRole("link", { name: heading, exact: true }).click();
    assert.equal((await rows(page))[0], first, heading);
  }
  quiet(page);
  await page.context().close();
});

test("without JavaScript all of it can be read and used", async () => {
  const page = await open(browser, fleet.url, { javaScriptEnabled: false });
  assert.match(await page.locator("main").innerText(), /Failing now/);
  await page.getByRole("link", { name: "Tasks", exact: true }).click();
  await page.getByRole("link", { name: "Next →" }).click();
  assert.equal((await rows(page)).length, tasks - 50);
  await page.getByLabel("Text").fill("router-fra2-02");
  await page.getByLabel("Text").press("Enter");
  assert.deepEqual((await rows(page))[0], "BGP Sessions · router-fra2-02");
  await page.getByRole("link", { name: "BGP Sessions · router-fra2-02" }).click();
  const text = await page.locator("main").innerText();
  assert.match(text, /SessionError: cannot read the table of sessions/);
  assert.match(text, /File ".*bgp.py", line \d+, in sessions/);
  assert.match(text, /peer 203.0.113.7 \(AS 64501\) is in state Active/, "what it logged before");
  await page.getByRole("link", { name: "Resources", exact: true }).click();
  const key = page.getByText(/plugin\|inventory\|site\|ams1\|.*lb-ams1-01/);
  assert.equal(await key.isVisible(), false);
  await page.getByText("Metadata and store key").first().click();
  assert.equal(await key.isVisible(), true);
  quiet(page);
  await page.context().close();
});

// focused is what has the focus.
const focused = (page) =>
  page.evaluate(() => {
    const e = document.activeElement;
    const style = getComputedStyle(e);
    const { top, bottom, left } = e.getBoundingClientRect();
    return {
      text: e.id || e.name || e.textContent.trim().replace(/\s+/g, " "), tag: e.localName,
      ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      visible: bottom > 0 && top < innerHeight && left >= 0,
    };
  });

// tabTo presses Tab until something has the focus, and asserts of each stop on the way that it can be seen.
async function tabTo(page, text) {
  for (let i = 0; i < 100; i++) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    assert.ok(now.ring && now.visible, `the focus on ${now.tag} ${now.text} cannot be seen`);
    if (now.text === text) return;
  }
  assert.fail(`Tab never comes to ${text}`);
}

test("the keyboard is enough", async () => {
  const page = await open(browser, fleet.url + "tasks");
  await page.keyboard.press("Tab");
  assert.equal((await focused(page)).text, "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal((await focused(page)).text, "main");
  await page.keyboard.press("Tab");
  assert.equal((await focused(page)).text, "q", "what comes after the navigation");

  await page.keyboard.type("ams1");
  await page.keyboard.press("Tab");
  assert.equal((await focused(page)).text, "filter");
  await page.keyboard.type('resource_subclass = "switch"');
  await page.keyboard.press("Enter");
  await page.waitForURL(/filter=resource_subclass/);
  assert.equal((await rows(page)).length, 12);

  await page.goto(fleet.url + "tasks?size=20");
  await tabTo(page, "Next →");
  await page.keyboard.press("Enter");
  await page.waitForURL(/page=2/);
  assert.match(await page.locator(".pager").innerText(), /Page 2 of 3/);

  await page.goto(fleet.url + "tasks?q=router-fra2-02&plugin=BGP+Sessions");
  await tabTo(page, "BGP Sessions · router-fra2-02");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/task\?/);
  assert.match(await page.locator("h1").innerText(), /BGP Sessions · router-fra2-02/);

  await page.goto(fleet.url + "resources");
  await tabTo(page, "Metadata and store key");
  await page.keyboard.press("Enter");
  assert.equal(await page.getByText(/plugin\|inventory\|site\|ams1\|.*lb-ams1-01/).isVisible(), true);

  // The order of stops is that of the page.
  await page.goto(fleet.url + "tasks?size=3");
  const places = [];
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press("Tab");
    places.push(await page.evaluate(() => [...document.querySelectorAll("*")].indexOf(document.activeElement)));
  }
  const turn = places.findIndex((p, i) => i > 0 && p < places[i - 1]);
  const round = turn < 0 ? places : places.slice(0, turn);
  assert.ok(round.length >= 20, `${round.length} stops`);
  assert.deepEqual(round, [...round].sort((a, b) => a - b));
  quiet(page);
  await page.context().close();

  // What scrolls on a phone does so with the arrow keys.
  const handy = await open(browser, fleet.url + "matrix", { viewport: phone });
  await handy.getByRole("region", { name: "Plugins by resources" }).focus();
  await handy.keyboard.press("ArrowRight");
  await eventually("the matrix to scroll", () => handy.locator(".scroll").evaluate((e) => e.scrollLeft > 0));
  await handy.context().close();
});

describe("the actions", () => {
  test("are not there where they are not enabled", async () => {
    const page = await open(browser, fleet.url + failing);
    assert.equal(await page.getByRole("button", { name: "Run now" }).count(), 0);
    assert.equal(await page.getByText("Output of the last run").count(), 0);
    for (const path of ["run", "api/v1/run"]) {
      assert.equal((await fetch(fleet.url + path, { method: "POST" })).status, 404);
    }
    await page.context().close();
  });

  test("want a password, which the browser asks for", async () => {
    for (const [method, path] of [["GET", ""], ["GET", "style.css"], ["GET", "api/v1/tasks"], ["POST", "run"], ["POST", "api/v1/run"]]) {
      const answer = await fetch(authURL() + path, { method });
      assert.equal(answer.status, 401, path);
      assert.match(answer.headers.get("www-authenticate"), /^Basic realm="Panoptes"/);
      const wrong = await fetch(authURL() + path, { method, headers: { authorization: "Basic " + btoa("operator:wrong") } });
      assert.equal(wrong.status, 401, path);
    }
    // It asks, and has nobody to ask here.
    await assert.rejects(open(browser, authURL()), /ERR_INVALID_AUTH_CREDENTIALS/);
  });

  test("run a task at once, and show its output", async () => {
    const page = await open(browser, authURL() + good, credentials);
    const output = page.locator("details pre").first();
    assert.equal(await output.isVisible(), false);
    await page.getByText("Show last output: 8 groups").focus();
    await page.keyboard.press("Enter");
    assert.match(await output.innerText(), /"metrics_group_type": "interface"/);
    const started = () => page.locator("dl.facts time").first().getAttribute("datetime");
    const before = await started();
    await eventually("another second", () => new Date().toISOString().slice(0, 19) > before.slice(0, 19));
    await page.getByRole("button", { name: "Run now" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("status").waitFor();
    assert.match(page.url(), /\/task\?/, "loading it again does not run the task again");
    assert.match(await page.getByRole("status").innerText(), /ran just now/);
    assert.ok((await started()) > before);
    await accessible(page);
    page.complaints = page.complaints.filter((c) => !c.includes("401"));
    quiet(page);
    await page.context().close();
  });

  test("are refused to another site's page, though the browser has the password", async () => {
    const form = [...new URLSearchParams(good.slice("task?".length))]
      .map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`).join("");
    const other = createServer((_, res) => {
      res.setHeader("content-type", "text/html");
      res.end(`<form method="post" action="${authURL()}run">${form}<button>Win a prize</button></form>`);
    });
    await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
    try {
      const page = await open(browser, authURL() + good, credentials);
      await page.goto(`http://localhost:${other.address().port}/`);
      const [answer] = await Promise.all([page.waitForResponse((r) => r.url().endsWith("/run") && r.status() !== 401), page.getByRole("button").click()]);
      assert.equal(answer.status(), 403);
      await page.context().close();
    } finally {
      other.close();
    }
  });
});
