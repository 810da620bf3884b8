// The pages as a person uses them: what is written on their buttons, and what they say.

/** The watch page of one stream. */
export class WatchPage {
  constructor(tab) {
    this.tab = tab;
    const { page } = tab;
    this.yes = page.getByRole("button", { name: "Yes, share" });
    this.no = page.getByRole("button", { name: "No, just watch" });
    this.switch = page.getByRole("switch", { name: "Share with viewers" });
    this.metered = page.getByRole("switch", { name: "Metered connection" });
    this.uploadLimit = page.getByLabel("Upload limit");
    this.quality = page.getByLabel("Quality");
    this.details = page.getByText("Technical details", { exact: true });
    this.main = page.getByRole("main");
  }

  /** Opens the page in a tab of its own, and waits until its video plays. */
  static async open(browser, relay, name, stream = "sample", options = {}) {
    const page = new WatchPage(await browser.tab(name, options));
    await options.prepare?.(page.tab.page);
    await page.tab.open(`${relay.url}/watch/${stream}`);
    await page.tab.untilPlaying();
    return page;
  }

  async sayYes() {
    await this.yes.click();
    this.tab.story.note(`${this.tab.name} says yes`);
  }

  async sayNo() {
    await this.no.click();
    this.tab.story.note(`${this.tab.name} says no`);
  }

  /** Waits until the page reads `text`, a string or an expression. */
  async untilItSays(text, within = 20) {
    try {
      await this.main.getByText(text).first().waitFor({ timeout: within * 1000 });
    } catch (cause) {
      throw new Error(`${this.tab.name}: after ${within} s the page does not say ${text}`, { cause });
    }
  }

  /** Waits until the technical details give this state of the line to the relay. */
  async untilLine(state, within = 20) {
    if (!(await this.main.getByText("Line to the relay", { exact: true }).isVisible())) await this.details.click();
    await this.untilItSays(new RegExp(`^${state}$`), within);
  }

  /** Waits for a link to `count` other viewers. */
  async untilSharingWith(count, within = 30) {
    await this.untilItSays(new RegExp(`^Sharing with ${count} viewers?$`), within);
    this.tab.story.note(`${this.tab.name} shares with ${count}`);
  }

  /** The value beside a term of the page's lists, whether the list is unfolded or not. */
  async value(term) {
    const value = this.main.locator("dt", { hasText: new RegExp(`^${term}$`) }).locator("+ dd").first();
    return (await value.textContent())?.trim();
  }

  /** Pieces that did not match what the publisher signed, as the page says it. */
  async rejectedPieces() {
    const step = this.main.getByText("A piece that does not match is thrown away");
    return Number(/So far: ([\d\s]+)\./.exec(await step.first().textContent())[1].replaceAll(/\s/g, ""));
  }

  /** Waits until the page counts this many banned viewers. */
  async untilBanned(count, within) {
    await this.tab.until(
      `${count} banned`,
      (count) => {
        const terms = [...document.querySelectorAll("dt")];
        const term = terms.find(({ textContent }) => textContent.trim() === "Viewers cut off");
        return Number(term?.nextElementSibling?.textContent) >= count;
      },
      { argument: count, within },
    );
  }

  async bannedPeers() {
    return Number(await this.value("Viewers cut off"));
  }
}

/** The page in an `<iframe>`, or by itself. */
export class EmbedPage {
  constructor(frame) {
    this.video = frame.locator("video");
    this.yes = frame.getByRole("button", { name: "Share", exact: true });
    this.no = frame.getByRole("button", { name: "Don't share" });
    this.off = frame.getByRole("button", { name: "Turn off" });
    this.alert = frame.getByRole("alert");
    this.line = frame.locator(".tb-embed__line");
  }
}
