// Runs in each tab before the page's own scripts, and notes what the page cannot fake: which bytes are appended to
// the player's buffers, how playback moves, and what the browser says about its peer connections.
(() => {
  if (window.thetabProbe) return;

  /** Every `appendBuffer`: `{ type, size, sha256, at }`. The digest fills in a moment later. */
  const appended = [];
  const types = new WeakMap();
  const addSourceBuffer = MediaSource.prototype.addSourceBuffer;
  MediaSource.prototype.addSourceBuffer = function (type) {
    const buffer = addSourceBuffer.call(this, type);
    types.set(buffer, type);
    return buffer;
  };
  const appendBuffer = SourceBuffer.prototype.appendBuffer;
  SourceBuffer.prototype.appendBuffer = function (data) {
    const bytes = new Uint8Array(ArrayBuffer.isView(data) ? data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) : data.slice(0));
    const note = { type: types.get(this) ?? "", size: bytes.byteLength, sha256: null, at: performance.now() };
    appended.push(note);
    note.done = crypto.subtle.digest("SHA-256", bytes).then((digest) => {
      note.sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    });
    appendBuffer.call(this, data);
  };

  /** Media events of the page's video, and the longest time that it stood still while it should have moved. */
  const events = [];
  const moved = { at: 0, time: -1, longestMs: 0, longestAt: 0 };
  let hasPlayed = false;
  const seen = ["loadeddata", "playing", "waiting", "stalled", "seeking", "seeked", "pause", "play", "ended", "error"];
  for (const type of seen) {
    document.addEventListener(type, (event) => {
      if (!(event.target instanceof HTMLVideoElement)) return;
      const { currentTime, readyState, seeking } = event.target;
      events.push({ type, at: performance.now(), currentTime, readyState, seeking });
      if (type === "playing") hasPlayed = true;
    }, true);
  }
  setInterval(() => {
    const video = document.querySelector("video");
    if (!video || !hasPlayed) return;
    const now = performance.now();
    const mayRest = video.paused || video.ended || video.seeking;
    if (mayRest || video.currentTime !== moved.time) {
      moved.at = now;
      moved.time = video.currentTime;
    } else if (now - moved.at > moved.longestMs) {
      moved.longestMs = now - moved.at;
      moved.longestAt = video.currentTime;
    }
  }, 50);

  /** Every peer connection, and the last statistics that the browser gave about its data channels. */
  const connections = [];
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(...args) {
      super(...args);
      connections.push({ connection: this, channels: {} });
    }
  };
  async function readStatistics({ connection, channels }) {
    if (connection.connectionState === "closed") return;
    const report = await connection.getStats();
    for (const item of report.values()) {
      if (item.type !== "data-channel") continue;
      channels[item.id] = { label: item.label, sent: item.bytesSent, received: item.bytesReceived };
    }
  }
  // A connection that closes takes its statistics along; the last ones are kept.
  setInterval(() => connections.forEach((entry) => readStatistics(entry).catch(() => {})), 250);

  const long = [];
  if (PerformanceObserver.supportedEntryTypes?.includes("longtask")) {
    const observer = new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) long.push({ startTime, duration });
    });
    observer.observe({ type: "longtask", buffered: true });
  }

  window.thetabProbe = {
    async appended() {
      await Promise.all(appended.map((note) => note.done));
      return appended.map(({ type, size, sha256, at }) => ({ type, size, sha256, at }));
    },
    events: () => events,
    moved: () => moved,
    longTasks: () => long,
    async connections() {
      await Promise.all(connections.map((entry) => readStatistics(entry).catch(() => {})));
      return connections.map(({ channels, connection }) => ({
        channels: Object.values(channels),
        state: connection.connectionState,
      }));
    },
  };
})();
