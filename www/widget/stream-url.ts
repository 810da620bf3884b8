/** Where a stream lives: the relay that serves it, and its name there. */
export interface StreamAddress {
  /** The relay's origin, without a slash at the end. */
  relay: string;
  name: string;
}

const NAME = /^[a-z0-9-]{1,64}$/;

/**
 * Reads what a publisher writes as `src`: the watch or embed address that `thetab publish` prints, or
 * the bare name of a stream on the relay `home`. `null` for anything else.
 */
export function parseStreamAddress(src: string, home: string): StreamAddress | null {
  const text = src.trim();
  if (NAME.test(text)) return { relay: new URL(home).origin, name: text };
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const [page, name, ...rest] = url.pathname.split("/").filter(Boolean);
  const isStream = (page === "watch" || page === "embed") && rest.length === 0;
  return isStream && name !== undefined && NAME.test(name) ? { relay: url.origin, name } : null;
}
