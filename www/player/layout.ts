/** One segment of one stream, as the node names it. */
export interface Segment {
  rendition: number;
  kind: "init" | "media";
  sequence: number;
}

const PATH = /^r(\d{1,5})\/(?:(init)\.mp4|(\d{1,15})\.m4s)$/;
const RENDITION = /(?:^|\/)r(\d{1,5})\/[^/]*$/;

/** Maps URLs to segments by the layout `r<N>/init.mp4` and `r<N>/<sequence>.m4s` below `mediaBase`. */
export class Layout {
  readonly #base: string;

  constructor(mediaBase: string) {
    this.#base = mediaBase;
  }

  /** The segment at `url`; `null` for anything outside the layout. */
  segmentAt(url: string): Segment | null {
    const path = withoutQuery(url);
    if (!path.startsWith(this.#base)) return null;
    const match = PATH.exec(path.slice(this.#base.length));
    if (!match) return null;
    const rendition = Number(match[1]);
    if (rendition > 0xffff) return null;
    return match[2]
      ? { rendition, kind: "init", sequence: 0 }
      : { rendition, kind: "media", sequence: Number(match[3]) };
  }

  /** The rendition whose media playlist is at `url`. */
  renditionAt(url: string | undefined): number | null {
    const match = url ? RENDITION.exec(withoutQuery(url)) : null;
    return match ? Number(match[1]) : null;
  }
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, "");
}
