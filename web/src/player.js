// The player is served beside the app and shared with the embed page, so it is fetched when a page needs it, never bundled.
export function loadPlayer() {
  return import("/player/thetab-player.js");
}
