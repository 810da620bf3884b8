// A chunk of its own: the page asks for it at once, but parses the player's own code first.
export { default } from "hls.js";
