// The tampering peer: a program of its own that speaks the real protocol and breaks it in one chosen way.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { settings, withoutOurs } from "./settings.mjs";

export class EvilPeer {
  /** What it last said about itself; see `evil-peer --help`. */
  said = {};
  #heard = new EventEmitter();
  #process;
  #exit;

  constructor(story, relay, stream, mode) {
    if (!existsSync(settings.evilPeer)) throw new Error(`${settings.evilPeer} is missing: cargo build --bin evil-peer`);
    this.mode = mode;
    const log = createWriteStream(join(story.folder, `evil-${mode}.log`));
    const args = ["--relay", relay.url.replace("localhost", "127.0.0.1"), "--stream", stream, "--mode", mode];
    this.#process = spawn(settings.evilPeer, args, { stdio: ["ignore", "pipe", "pipe"], env: withoutOurs });
    this.#exit = once(this.#process, "exit");
    this.#process.stderr.pipe(log);
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      log.write(`${line}\n`);
      this.said = JSON.parse(line);
      this.#heard.emit("said");
    });
    story.closing(async () => {
      await this.end();
      log.end();
    });
  }

  /** Starts one, and waits until it has the whole stream and stands with the relay. */
  static async start(story, relay, stream, mode) {
    const peer = new EvilPeer(story, relay, stream, mode);
    await peer.until(({ ready }) => ready);
    story.note(`the ${mode} peer is there`);
    return peer;
  }

  /** Waits until what it says fits. */
  async until(fits) {
    while (!fits(this.said)) {
      if (this.#hasEnded()) throw new Error(`the ${this.mode} peer has ended: ${JSON.stringify(this.said)}`);
      await Promise.race([once(this.#heard, "said"), this.#exit]);
    }
    return this.said;
  }

  #hasEnded() {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async end() {
    if (this.#hasEnded()) return;
    this.#process.kill("SIGKILL");
    await this.#exit;
  }
}
