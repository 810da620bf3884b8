import type { Settings, SharingMode } from "./types.js";

const KEY = "thetab.settings";

/** What a visitor who has not answered gets: no sharing, and 2 Mbit/s as the suggested limit. */
const DEFAULTS: Settings = { sharing: null, uploadCapBps: 2_000_000, metered: false };

/** A limit above this is a typing error. */
const MAX_UPLOAD_CAP_BPS = 1_000_000_000;

/** The visitor's answers on this site. Storage that is missing or damaged counts as no answer. */
export function loadSettings(): Settings {
  try {
    return parse(JSON.parse(localStorage.getItem(KEY) ?? "null"));
  } catch {
    return { ...DEFAULTS };
  }
}

/** Remembers the answers; a page that may not store anything keeps them for this visit only. */
export function saveSettings(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Private windows and sandboxed frames refuse storage.
  }
}

function parse(value: unknown): Settings {
  if (typeof value !== "object" || value === null) return { ...DEFAULTS };
  const stored = value as Partial<Record<keyof Settings, unknown>>;
  return {
    sharing: isMode(stored.sharing) ? stored.sharing : null,
    uploadCapBps: isCap(stored.uploadCapBps) ? stored.uploadCapBps : DEFAULTS.uploadCapBps,
    metered: stored.metered === true,
  };
}

function isMode(value: unknown): value is SharingMode {
  return value === "off" || value === "download" || value === "share";
}

function isCap(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAX_UPLOAD_CAP_BPS;
}
