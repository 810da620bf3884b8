/** The widget's own sheet; a page changes it through the custom properties and `::part`. */
export const STYLE = `
:host {
  display: block;
  position: relative;
  aspect-ratio: var(--thetab-aspect-ratio, 16 / 9);
  overflow: hidden;
  background: black;
  font: inherit;
  --accent: var(--thetab-accent, light-dark(oklch(0.52 0.11 180), oklch(0.78 0.13 175)));
  --surface: light-dark(oklch(0.99 0.003 180 / 0.95), oklch(0.2 0.01 180 / 0.95));
  --text: light-dark(oklch(0.25 0.01 180), oklch(0.95 0.005 180));
  --hairline: light-dark(oklch(0.85 0.01 180), oklch(0.4 0.01 180));
}
:host([hidden]), [hidden] { display: none !important; }
video { display: block; inline-size: 100%; block-size: 100%; object-fit: contain; }
.bar, .ask, .error {
  position: absolute; box-sizing: border-box; border-radius: 0.5rem;
  background: var(--surface); color: var(--text); font-size: 0.8125rem; line-height: 1.4;
}
.bar {
  inset-block-start: 0.5rem; inset-inline-end: 0.5rem; display: flex; align-items: center;
  padding-inline-start: 0.75rem; opacity: 0; transition: opacity 150ms ease-out;
}
:host(:hover) .bar, :host(:focus-within) .bar, .bar[data-on] { opacity: 1; }
@media (hover: none) { .bar { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { .bar { transition: none; } }
.ask, .error { inset-block-start: 3.75rem; inset-inline: 0.5rem; max-inline-size: 30rem; margin: 0 auto; padding: 0.75rem; }
.ask p { margin: 0 0 0.5rem; }
.answers { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.answers button { flex: 1 1 7rem; }
button, select {
  min-block-size: 2.75rem; padding-inline: 0.75rem; border: 1px solid var(--hairline);
  border-radius: 0.5rem; background: transparent; color: inherit; font: inherit; cursor: pointer;
}
.bar button, .bar select { border-color: transparent; color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: -3px; }
option { background: var(--surface); color: var(--text); }
`;
