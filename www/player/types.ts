/** What a page and the player say to each other. Rates named `…Bps` are bits per second. */

/** One rendition of a stream, as the relay's API gives it. */
export interface Rendition {
  id: number;
  type: "video" | "audio";
  width: number | null;
  height: number | null;
  bandwidth_bps: number;
  codecs: string;
}

/** One stream, as `GET /api/v1/streams/<name>` gives it. */
export interface StreamInfo {
  name: string;
  title: string;
  live: boolean;
  duration_seconds: number | null;
  /** 64 hex digits. */
  presentation: string;
  /** The publisher's Ed25519 key, 64 hex digits. */
  publisher: string;
  /** Where the renditions lie: a path on the relay, or an absolute URL. */
  media_base: string;
  /** The master playlist. */
  playlist: string;
  viewers: number;
  renditions: Rendition[];
}

/** No peers; take from peers; give and take. */
export type SharingMode = "off" | "download" | "share";

/** Why sharing is what it is. */
export type SharingReason =
  | "ok"
  | "no-consent"
  | "metered"
  | "battery"
  | "hidden"
  | "paused"
  | "off"
  | "few-viewers";

/** A visitor's answers, kept per site. */
export interface Settings {
  /** `null`: never asked. Nothing counts as a yes but a yes. */
  sharing: SharingMode | null;
  /** Most bits a second given to peers. */
  uploadCapBps: number;
  /** This connection costs by the byte. */
  metered: boolean;
}

/** Something that a person should know; `code` is stable. */
export interface PlayerError {
  code: string;
  message: string;
}

/** One second of traffic. */
export interface TrafficSecond {
  /** When it ended, in milliseconds of Unix time. */
  t: number;
  peersBps: number;
  originBps: number;
  givenBps: number;
}

/** Everything that a page shows about a player. */
export interface Snapshot {
  /** The edge node in this tab. */
  node: "off" | "loading" | "connecting" | "ready" | "failed";
  /** The line to the relay. */
  relay: "connecting" | "connected" | "lost" | "off";
  /** The latest thing that a person should know. */
  error: PlayerError | null;
  sharing: {
    chosen: SharingMode;
    effective: SharingMode;
    reason: SharingReason;
    uploadCapBps: number;
  };
  /** Viewers of this stream, as the relay reports them. */
  viewers: number;
  /** Open links to peers. */
  peers: number;
  /** `fromPeers` counts bytes that verified. */
  bytes: { fromPeers: number; fromOrigin: number; given: number; rejected: number };
  pieces: { verified: number; rejected: number };
  bannedPeers: number;
  /** One entry a second, the last 60. */
  history: TrafficSecond[];
  playback: {
    positionSeconds: number;
    bufferedSeconds: number;
    height: number;
    stalls: number;
    live: boolean;
  };
  /** Short fingerprint of the persistent account key; only on the relay's own pages. */
  identity: string | null;
  /** When the last piece checked out, in milliseconds of Unix time. */
  lastVerifiedAt: number | null;
}

/** How to make a player. */
export interface PlayerOptions {
  stream: StreamInfo;
  video: HTMLVideoElement;
  /** The relay's origin, such as `https://relay.example`; the page's own when left out. */
  apiBase?: string;
  /** Where the node's module lies; `/node/thetab_browser.js` on `apiBase` when left out. */
  nodeUrl?: string;
  /** Whether this tab runs an edge node; yes when left out. */
  node?: boolean;
  /** At most four times a second. */
  onSnapshot?(snapshot: Snapshot): void;
  /** A fatal error ends playback. */
  onError?(error: PlayerError & { fatal: boolean }): void;
}

/** One quality. */
export interface Level {
  height: number;
  bitrate: number;
}

/** A running player. */
export interface ThetabPlayer {
  /** Remembers the visitor's answer for this site and acts on it. */
  setSharing(mode: SharingMode, uploadCapBps: number): void;
  setMetered(metered: boolean): void;
  levels(): Level[];
  /** Holds one quality; -1 chooses by bandwidth. */
  setLevel(index: number): void;
  seek(seconds: number): void;
  snapshot(): Snapshot;
  destroy(): void;
}
