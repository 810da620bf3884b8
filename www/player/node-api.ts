/**
 * The node's module as the player uses it: the JavaScript API of `thetab-browser`
 * (`thetab_browser.d.ts` beside the module is generated; this is the part that the player relies on).
 */

export interface NodeOptions {
  presentation: string;
  publisher: string;
  name: string;
  live: boolean;
  /** Absolute URL, ends with a slash. */
  mediaBase: string;
  /** The relay's origin, without a slash at the end. */
  apiBase: string;
  memoryLimitBytes: number;
  prefetchHorizonMs: number;
  wantedLinks: number;
  maximumLinks: number;
  /** Whether to open the persistent account key. */
  account: boolean;
}

export interface NodeSnapshot {
  chosen: "off" | "download" | "share" | null;
  effective: "off" | "download" | "share";
  reason: "ok" | "no-consent" | "metered" | "battery" | "hidden" | "paused" | "off" | "few-viewers";
  relay: "connecting" | "connected" | "lost" | "off";
  viewers: number;
  peers: number;
  peerBytes: number;
  originBytes: number;
  givenBytes: number;
  rejectedBytes: number;
  duplicateBytes: number;
  storedBytes: number;
  verifiedPieces: number;
  rejectedPieces: number;
  bannedPeers: number;
  /** Media bytes that the node itself read from the origin, and how long it was reading. */
  fetchedBytes: number;
  fetchedMs: number;
  lastVerifiedAt: number | null;
  identity: string | null;
}

export interface LoadedSegment {
  data: ArrayBuffer;
  peerBytes: number;
  originBytes: number;
  wasStored: boolean;
}

export interface EdgeNode {
  load(
    request: number,
    rendition: number,
    kind: "init" | "media",
    sequence: number,
    slackMs: number,
  ): Promise<LoadedSegment>;
  abandon(request: number): void;
  idleMs(request: number): number;
  offer(rendition: number, kind: "init" | "media", sequence: number, data: Uint8Array): void;
  playhead(renditions: Uint16Array, sequence: number, lastSequence?: number): void;
  setSettings(sharing: string | null | undefined, uploadCapBps: number, metered: boolean): void;
  setConditions(saveData: boolean, batteryLow: boolean, hidden: boolean, paused: boolean): void;
  onSnapshot(callback: (snapshot: NodeSnapshot) => void): void;
  onProblem(callback: (code: string, message: string) => void): void;
  onFailure(callback: (message: string) => void): void;
  close(): void;
}

export interface NodeModule {
  default(): Promise<unknown>;
  EdgeNode: new (options: NodeOptions) => EdgeNode;
}
