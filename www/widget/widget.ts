import type { Level, PlayerError, Snapshot, StreamInfo, ThetabPlayer } from "../player/types.js";
import { STYLE } from "./style.js";
import { parseStreamAddress, type StreamAddress } from "./stream-url.js";
import { fill, wordsFor, type Words } from "./words.js";

/** The relay that this script came from. */
const HOME = new URL("/", import.meta.url).href;

const HTML = `
<video part="video" controls playsinline preload="metadata"></video>
<div class="bar" part="bar" hidden>
  <span data-viewers></span><button type="button" data-switch></button>
  <select data-quality hidden></select>
</div>
<section class="ask" part="question" hidden>
  <p data-question></p>
  <div class="answers"><button type="button" data-yes></button><button type="button" data-no></button></div>
</section>
<p class="error" part="error" role="alert" hidden></p>`;

type PlayerModule = typeof import("../player/index.js");

/**
 * `<thetab-player src poster title lang autoplay muted>`: a stream on any page.
 *
 * `src` is the address that `thetab publish` prints, or the name of a stream on the relay that serves
 * this script. Nothing of the player is fetched before the element is near the viewport or `play` is
 * called. The visitor is asked by the element itself; nothing is shared before a yes.
 *
 * Events, all of which bubble: `thetab-ready` (detail: the stream), `thetab-stats` (detail: a
 * `Snapshot`, at most four times a second) and `thetab-error` (detail: code, message, fatal).
 */
export class ThetabPlayerElement extends HTMLElement {
  static readonly observedAttributes = ["src", "poster", "lang", "title", "autoplay", "muted"];

  readonly #root = this.attachShadow({ mode: "open" });
  readonly #video: HTMLVideoElement;
  #words: Words = wordsFor(navigator.languages);
  #player: ThetabPlayer | null = null;
  #module: PlayerModule | null = null;
  #near: IntersectionObserver | null = null;
  /** Names the load in progress; an older one that arrives late is dropped. */
  #load = 0;
  #levels: Level[] = [];

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.innerHTML = HTML;
    this.#video = this.#one("video");
    this.#one("[data-yes]").addEventListener("click", () => this.#answer("share"));
    this.#one("[data-no]").addEventListener("click", () => this.#answer("off"));
    this.#one("[data-switch]").addEventListener("click", () =>
      this.#answer(this.#player?.snapshot().sharing.chosen === "off" ? "share" : "off"),
    );
    this.#one<HTMLSelectElement>("[data-quality]").addEventListener("change", (event) =>
      this.#player?.setLevel(Number((event.target as HTMLSelectElement).value)),
    );
  }

  /** The video element, for pages that bring their own controls. */
  get video(): HTMLVideoElement {
    return this.#video;
  }

  /** The latest numbers; `null` before playback was prepared. */
  get stats(): Snapshot | null {
    return this.#player?.snapshot() ?? null;
  }

  /** Loads the player if it is not there yet, and plays. */
  async play(): Promise<void> {
    await this.#start();
    await this.#video.play();
  }

  connectedCallback(): void {
    this.#speak();
    this.#near = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void this.#start();
    }, { rootMargin: "200px" });
    this.#near.observe(this);
  }

  disconnectedCallback(): void {
    this.#stop();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (name === "lang") this.#speak();
    if (name === "poster") this.#video.poster = after ?? "";
    if (name === "title") this.#video.setAttribute("aria-label", after ?? "");
    if (name === "autoplay") this.#video.autoplay = after !== null;
    if (name === "muted") this.#video.muted = after !== null;
    if (name === "src" && this.isConnected && before !== after) {
      this.#stop();
      this.connectedCallback();
    }
  }

  #stop(): void {
    this.#load += 1;
    this.#near?.disconnect();
    this.#near = null;
    this.#player?.destroy();
    this.#player = null;
    for (const part of [".bar", ".ask", ".error"]) this.#one(part).hidden = true;
  }

  async #start(): Promise<void> {
    if (!this.#near) return;
    this.#near.disconnect();
    this.#near = null;
    const load = ++this.#load;
    const address = parseStreamAddress(this.getAttribute("src") ?? "", HOME);
    if (!address) return this.#fail({ code: "bad_address", message: this.#words.badAddress, fatal: true });
    try {
      await this.#prepare(address, load);
    } catch (error) {
      console.warn("thetab: the player could not start.", error);
      if (load === this.#load) {
        this.#fail({ code: "network", message: this.#words.network, fatal: true });
      }
    }
  }

  async #prepare({ relay, name }: StreamAddress, load: number): Promise<void> {
    const player = new URL("/player/thetab-player.js", relay).href;
    const [module, response] = await Promise.all([
      import(/* @vite-ignore */ player) as Promise<PlayerModule>,
      fetch(`${relay}/api/v1/streams/${name}`),
    ]);
    if (response.status === 404) {
      return this.#fail({ code: "stream_not_found", message: this.#words.missing, fatal: true });
    }
    if (!response.ok) throw new Error(`the relay answered ${response.status}`);
    const stream = (await response.json()) as StreamInfo;
    if (load !== this.#load) return;
    this.#module = module;
    this.#ask(module.loadSettings().uploadCapBps);
    const made = await module.createPlayer({
      stream,
      video: this.#video,
      apiBase: relay,
      onSnapshot: (snapshot) => this.#show(snapshot),
      onError: (error) => this.#fail(error),
    });
    if (load !== this.#load) return made.destroy();
    this.#player = made;
    this.#emit("thetab-ready", stream);
    this.#show(made.snapshot());
  }

  #answer(sharing: "share" | "off"): void {
    if (!this.#player || !this.#module) return;
    this.#player.setSharing(sharing, this.#module.loadSettings().uploadCapBps);
    this.#show(this.#player.snapshot());
    this.#one("[data-switch]").focus();
  }

  #show(snapshot: Snapshot): void {
    if (!this.#module) return;
    const { sharing, node, error } = snapshot;
    const isAnswered = this.#module.loadSettings().sharing !== null;
    const hasNode = node !== "off" && node !== "failed";
    this.#one(".ask").hidden = isAnswered || !hasNode;
    this.#one(".bar").hidden = !isAnswered && this.#levels.length < 2;
    const isOn = sharing.chosen !== "off";
    this.#one(".bar").toggleAttribute("data-on", isOn);
    this.#one("[data-switch]").hidden = !isAnswered || !hasNode;
    this.#write("[data-viewers]", isAnswered ? (isOn ? this.#sharedBy(snapshot) : this.#words.off) : "");
    this.#write("[data-switch]", isOn ? this.#words.turnOff : this.#words.yes);
    if (!error) this.#one(".error").hidden = true;
    this.#showLevels();
    this.#emit("thetab-stats", snapshot);
  }

  #sharedBy({ peers, viewers }: Snapshot): string {
    const count = peers > 0 ? peers + 1 : viewers;
    return count > 1 ? fill(this.#words.shared, { n: count }) : this.#words.alone;
  }

  #showLevels(): void {
    const levels = this.#player?.levels() ?? [];
    if (levels.length === this.#levels.length) return;
    this.#levels = levels;
    const select = this.#one<HTMLSelectElement>("[data-quality]");
    const option = (label: string, value: number) => new Option(label, String(value));
    select.replaceChildren(
      option(this.#words.automatic, -1),
      ...levels.map(({ height }, index) => option(`${height}p`, index)),
    );
    select.hidden = levels.length < 2;
  }

  #fail(error: PlayerError & { fatal: boolean }): void {
    // What does not end playback is for the page to know, not to cover the video with.
    if (error.fatal) {
      this.#write(".error", error.message);
      this.#one(".error").hidden = false;
    }
    this.#emit("thetab-error", error);
  }

  #speak(): void {
    const own = this.closest("[lang]")?.getAttribute("lang");
    this.#words = wordsFor(own ? [own, ...navigator.languages] : navigator.languages);
    const words = this.#words;
    if (this.#module) this.#ask(this.#module.loadSettings().uploadCapBps);
    this.#write("[data-yes]", words.yes);
    this.#write("[data-no]", words.no);
    this.#one("[data-quality]").setAttribute("aria-label", words.quality);
    this.#one(".ask").setAttribute("aria-label", words.yes);
  }

  #ask(capBps: number): void {
    this.#write("[data-question]", fill(this.#words.question, { cap: capBps / 1e6 }));
  }

  #emit(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** Writes only what changed, so that screen readers and selections are left alone. */
  #write(selector: string, text: string): void {
    const element = this.#one(selector);
    if (element.textContent !== text) element.textContent = text;
  }

  #one<T extends HTMLElement = HTMLElement>(selector: string): T {
    const element = this.#root.querySelector<T>(selector);
    if (!element) throw new Error(`the widget has no ${selector}`);
    return element;
  }
}

if (!customElements.get("thetab-player")) customElements.define("thetab-player", ThetabPlayerElement);
