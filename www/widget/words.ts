/** What the widget says, by language. */
const WORDS = {
  en: {
    question: "Share this video with other viewers while you watch? Up to {cap} Mbit/s of upload. They then see your network address.",
    yes: "Share",
    no: "Don't share",
    off: "Not sharing",
    alone: "Waiting for other viewers",
    shared: "Shared by {n} viewers",
    turnOff: "Turn off",
    quality: "Quality",
    automatic: "Automatic",
    badAddress: "This player's address is not one of a thetab stream.",
    missing: "This stream does not exist here. Check the address.",
    network: "The stream's server does not answer. Reload the page to try again.",
  },
  de: {
    question: "Dieses Video beim Ansehen mit anderen teilen? Bis zu {cap} Mbit/s Upload. Die anderen sehen dann Ihre Netzadresse.",
    yes: "Teilen",
    no: "Nicht teilen",
    off: "Wird nicht geteilt",
    alone: "Wartet auf andere",
    shared: "Von {n} Zuschauern geteilt",
    turnOff: "Ausschalten",
    quality: "Qualität",
    automatic: "Automatisch",
    badAddress: "Die Adresse dieses Players gehört zu keinem thetab-Stream.",
    missing: "Diesen Stream gibt es hier nicht. Bitte die Adresse prüfen.",
    network: "Der Server des Streams antwortet nicht. Laden Sie die Seite neu.",
  },
  es: {
    question: "¿Compartir este vídeo con otros mientras lo ve? Hasta {cap} Mbit/s de subida. Ellos verán su dirección de red.",
    yes: "Compartir",
    no: "No compartir",
    off: "Sin compartir",
    alone: "Esperando a otros",
    shared: "Compartido por {n} espectadores",
    turnOff: "Desactivar",
    quality: "Calidad",
    automatic: "Automática",
    badAddress: "La dirección de este reproductor no es la de un stream de thetab.",
    missing: "Este stream no existe aquí. Compruebe la dirección.",
    network: "El servidor del stream no responde. Recargue la página.",
  },
} as const;

export type Words = Record<keyof (typeof WORDS)["en"], string>;

/** The words of the first language that we speak among `languages` (BCP 47), else English. */
export function wordsFor(languages: readonly string[]): Words {
  for (const language of languages) {
    const base = language.toLowerCase().split("-")[0] ?? "";
    if (base in WORDS) return WORDS[base as keyof typeof WORDS];
  }
  return WORDS.en;
}

/** Puts `values` in the places named in `text`. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}
