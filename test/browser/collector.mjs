// Starts the built Collector with a configuration of its own, in a folder of its own, on free ports of loopback.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync, mkdirSync, existsSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

// patience is how long a test waits for something that should happen soon; a busy machine may need it.
export const patience = 90_000;

const binaries = process.env.PANOPTES_BIN ?? join(import.meta.dirname, "../../bin");

// freePort is a port on loopback that was free a moment ago.
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// eventually waits until a look returns something true, and returns that.
export async function eventually(what, look) {
  const end = Date.now() + patience;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s in vain for ${what}`);
    await pause(100);
  }
}

// Collector is a running Collector with the extension panoptes_status.
export class Collector {
  // start writes files (a path to its text each, in a new folder) and starts the Collector with config, a function of the
  // folder and a function that gives a free port by name.
  static async start(files, config) {
    const c = new Collector();
    c.folder = mkdtempSync(join(tmpdir(), "panoptes-browser-"));
    c.ports = { status: await freePort(), auth: await freePort() };
    c.url = `http://127.0.0.1:${c.ports.status}/`;
    c.write({ ...files, "collector.yaml": config(c.folder, c.ports) });
    const binary = join(binaries, "panoptes-otelcol");
    if (!existsSync(binary)) throw new Error(`${binary} is not there: run make build, or set PANOPTES_BIN`);
    c.output = "";
    c.process = spawn(binary, ["--config", join(c.folder, "collector.yaml")], { stdio: ["ignore", "ignore", "pipe"] });
    c.process.stderr.on("data", (text) => (c.output = (c.output + text).slice(-20_000)));
    c.ended = new Promise((resolve) => c.process.on("exit", resolve));
    try {
      await eventually("the status page", async () => {
        if (c.process.exitCode !== null) throw new Error(`the Collector ended:\n${c.output}`);
        return fetch(c.url).then((r) => r.ok, () => false);
      });
    } catch (err) {
      await c.stop();
      throw err;
    }
    return c;
  }

  write(files) {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
    }
  }

  // api asks the JSON API.
  async api(path) {
    const response = await fetch(new URL(`api/v1/${path}`, this.url));
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async stop() {
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 20_000);
    await this.ended;
    clearTimeout(timer);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
