// A relay of a story's own: its process, its data folder, and what it says that it served.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:net";
import { createSocket } from "node:dgram";
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { ladder } from "./fixtures.mjs";
import { settings, withoutOurs } from "./settings.mjs";

const LOG = "warn,thetab=info,thetab_relay=info,thetab_relay::access=debug";
const STARTED = /thetab (?:is up:|relay at) (https?:\/\/[^/\s]+)/;

export class Relay {
  /** Every answer that left the relay: `{ path, status, bytes, kind, user_agent }`. */
  served = [];
  #log;
  #arguments;
  #process = null;
  #heard = new EventEmitter();
  url = "";

  /** Starts `thetab up`, with both samples and a minimum of two viewers, on free ports. */
  static async start(logFile, extra = []) {
    const relay = new Relay();
    // A path with a space, as people have them.
    relay.data = join(mkdtempSync(join(tmpdir(), "thetab e2e ")), "data folder");
    relay.#log = createWriteStream(logFile, { flags: "a" });
    const [http, websocket] = await Promise.all([freeTcpPort(), freeTcpPort()]);
    const [webrtc, stun] = await Promise.all([freeUdpPort(), freeUdpPort()]);
    relay.webrtcPort = webrtc;
    relay.#arguments = ["up", "--data", relay.data, "--app", settings.app, "--log", LOG, "--log-format", "json"];
    const ports = { "http-port": http, "webrtc-port": webrtc, "websocket-port": websocket, "stun-port": stun };
    for (const [flag, port] of Object.entries(ports)) relay.#arguments.push(`--${flag}`, String(port));
    relay.#arguments.push(...extra);
    relay.#heard.setMaxListeners(0);
    try {
      await relay.#spawn();
    } catch (error) {
      await relay.close();
      throw error;
    }
    return relay;
  }

  async #spawn() {
    const child = spawn(settings.thetab, this.#arguments, { stdio: ["ignore", "ignore", "pipe"], env: withoutOurs });
    this.#process = child;
    const started = new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        this.#log.write(`${line}\n`);
        const url = STARTED.exec(line)?.[1];
        if (url) resolve(url);
        this.#hear(line);
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => reject(new Error(`the relay ended at once (${code ?? signal})`)));
    });
    const url = await started;
    if (this.url && url !== this.url) throw new Error(`the relay came back at ${url} instead of ${this.url}`);
    this.url = url;
  }

  #hear(line) {
    if (!line.includes('"thetab_relay::access"')) return;
    this.served.push(JSON.parse(line));
    this.#heard.emit("served");
  }

  /** The bytes that answers of one kind carried to one tab. */
  bytes({ tab, kind, since = 0 }) {
    return this.served
      .slice(since)
      .filter((answer) => answer.kind === kind && (!tab || answer.user_agent.endsWith(agentOf(tab))))
      .reduce((sum, answer) => sum + answer.bytes, 0);
  }

  /** Whether the relay has answered anything that `matches`. */
  hasServed(matches) {
    return this.served.some(matches);
  }

  /** Waits for an answer that `matches`; one that was given already counts. */
  async untilServed(matches) {
    while (!this.served.some(matches)) await once(this.#heard, "served");
    return this.served.find(matches);
  }

  async json(path) {
    const response = await fetch(new URL(path, this.url));
    if (!response.ok) throw new Error(`${path} answers ${response.status}`);
    return response.json();
  }

  /** One number of the relay's own metrics, by name and labels as they are printed. */
  async metric(name) {
    const text = await (await fetch(new URL("/metrics", this.url))).text();
    const line = text.split("\n").find((line) => line.startsWith(`${name} `));
    if (!line) throw new Error(`the relay has no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }

  /** Where the files of a stream lie. */
  folderOf(stream) {
    return join(this.data, "streams", stream);
  }

  /** The digest of each file of a stream on disk: `"r0/3.m4s"` by SHA-256. */
  digests(stream) {
    const folder = this.folderOf(stream);
    const digests = new Map();
    for (const rendition of readdirSync(folder).filter((name) => /^r\d+$/.test(name))) {
      for (const file of readdirSync(join(folder, rendition)).filter((name) => /\.(mp4|m4s)$/.test(name))) {
        const bytes = readFileSync(join(folder, rendition, file));
        digests.set(createHash("sha256").update(bytes).digest("hex"), `${rendition}/${file}`);
      }
    }
    return digests;
  }

  /** Runs `thetab publish` on this relay's data folder. */
  publish(...args) {
    const run = spawnSync(settings.thetab, ["publish", "--data", this.data, ...args], { encoding: "utf8", env: withoutOurs });
    this.#log.write(run.stderr + run.stdout);
    if (run.status !== 0) throw new Error(`thetab publish ${args.join(" ")} failed: ${run.stderr}`);
  }

  /** Publishes a minute at 1.5 Mbit/s as `ladder`. */
  publishLadder(...args) {
    this.publish("--packaged", ladder(), "--name", "ladder", "--title", "Ladder", ...args);
  }

  /** Ends the process at once, without a word to anybody. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Starts again on the same ports and the same data. */
  async restart() {
    await this.#end("SIGKILL");
    await this.#spawn();
  }

  async #end(signal) {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async close() {
    await this.#end("SIGKILL");
    this.#log.end();
    rmSync(join(this.data, ".."), { recursive: true, force: true });
  }
}

/** What a tab adds to its user agent, so that the relay's log tells tabs apart. */
export function agentOf(tab) {
  return `thetab-e2e/${tab}`;
}

export async function freeTcpPort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function freeUdpPort() {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}
