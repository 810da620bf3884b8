import {
  createPlayer,
  loadSettings,
  type Snapshot,
  type StreamInfo,
  type ThetabPlayer,
} from "../player/index.js";

/** The page inside `<iframe src="…/embed/NAME">`: a video, who shares it, and the switch. */
async function main(): Promise<void> {
  const name = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
  const response = await fetch(`/api/v1/streams/${encodeURIComponent(name)}`).catch(() => null);
  if (!response) return showError("The stream's server does not answer. Reload the page to try again.");
  if (response.status === 404) return showError("This stream does not exist here. Check the address.");
  if (!response.ok) return showError("The stream's server cannot answer now. Reload the page to try again.");
  const stream = (await response.json()) as StreamInfo;
  document.title = stream.title;
  one("h1").textContent = stream.title;
  const player = await createPlayer({
    stream,
    video: one<HTMLVideoElement>("video"),
    onSnapshot: (snapshot) => render(snapshot),
    onError: ({ message, fatal }) => {
      if (fatal) showError(message);
    },
  });
  wire(player);
}

function wire(player: ThetabPlayer): void {
  const { uploadCapBps } = loadSettings();
  one("[data-cap]").textContent = `${format(uploadCapBps / 1e6)} Mbit/s`;
  one("[data-hourly]").textContent = `${format((uploadCapBps / 8) * 3600 * 1e-9)} GB`;
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-answer]")) {
    button.addEventListener("click", () => {
      player.setSharing(button.dataset["answer"] === "share" ? "share" : "off", uploadCapBps);
      one("[data-switch]").focus();
      render(player.snapshot());
    });
  }
  one("[data-switch]").addEventListener("click", () => {
    const turnOff = player.snapshot().sharing.chosen !== "off";
    player.setSharing(turnOff ? "off" : "share", loadSettings().uploadCapBps);
    render(player.snapshot());
  });
  render(player.snapshot());
}

function render({ sharing, viewers, peers, error, node }: Snapshot): void {
  const isAnswered = loadSettings().sharing !== null;
  const hasNode = node !== "off" && node !== "failed";
  one(".tb-embed__question").hidden = isAnswered || !hasNode;
  one(".tb-embed__line").hidden = !isAnswered || !hasNode;
  const isOn = sharing.chosen !== "off";
  setText("[data-viewers]", isOn ? sharedBy(peers, viewers) : "Not sharing");
  setText("[data-switch]", isOn ? "Turn off" : "Share");
  if (!error) one(".tb-embed__error").hidden = true;
}

function sharedBy(peers: number, viewers: number): string {
  const count = peers > 0 ? peers + 1 : viewers;
  return count > 1 ? `Shared by ${count} viewers` : "Waiting for other viewers";
}

function showError(message: string): void {
  const error = one(".tb-embed__error");
  error.textContent = message;
  error.hidden = false;
}

/** Writes only what changed, so that screen readers and selections are left alone. */
function setText(selector: string, text: string): void {
  const element = one(selector);
  if (element.textContent !== text) element.textContent = text;
}

function format(value: number): string {
  return new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(value);
}

function one<T extends HTMLElement = HTMLElement>(selector: string): T {
  const element = document.querySelector<T>(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element;
}

main().catch((error: unknown) => {
  console.error("thetab: the embedded player stopped.", error);
  showError("The player stopped. Reload the page to try again.");
});
