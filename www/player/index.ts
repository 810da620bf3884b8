/** The thetab player: a video element, hls.js, and an edge node that never gets in the way. */
export { createPlayer } from "./player.js";
export { loadSettings } from "./settings.js";
export type {
  Level,
  PlayerError,
  PlayerOptions,
  Rendition,
  Settings,
  SharingMode,
  SharingReason,
  Snapshot,
  StreamInfo,
  ThetabPlayer,
  TrafficSecond,
} from "./types.js";
