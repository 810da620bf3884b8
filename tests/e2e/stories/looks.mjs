// Home and watch page, wide and narrow, light and dark: screenshots, axe-core, no sideways scrolling, keyboard.
import { expectAccessible, expectNoHorizontalScroll, expectReachableByKeyboard } from "../harness/accessibility.mjs";
import { WatchPage } from "../harness/pages.mjs";

export const seconds = 120;

const SIZES = [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
];

export default async function (story) {
  const relay = await story.relay();
  const browser = await story.browser();
  for (const viewport of SIZES) {
    for (const colorScheme of ["light", "dark"]) {
      await lookAt(story, relay, browser, viewport, colorScheme);
    }
  }
}

async function lookAt(story, relay, browser, viewport, colorScheme) {
  const name = `${viewport.width}-${colorScheme}`;
  const context = { viewport, colorScheme, reducedMotion: "reduce" };
  const home = await browser.tab(`home-${name}`, { context });
  await home.open(`${relay.url}/`);
  await home.page.getByRole("heading", { name: "Streams on this relay" }).waitFor();
  await home.page.getByRole("link", { name: /Sample, live/ }).first().waitFor();
  await expectGoodLooks(home.page, `home-${name}`);
  await home.fullScreenshot(`home-${name}`);

  const watch = await WatchPage.open(browser, relay, `watch-${name}`, "sample", { context });
  await watch.yes.waitFor();
  await expectGoodLooks(watch.tab.page, `watch-${name}, unanswered`);
  await watch.tab.fullScreenshot(`watch-question-${name}`);
  await expectReachableByKeyboard(watch.tab.page, watch.yes, "the yes");
  await expectReachableByKeyboard(watch.tab.page, watch.no, "the no");
  await watch.yes.press("Enter");
  await watch.details.click();
  await watch.untilItSays("Too few viewers to share with");
  await expectGoodLooks(watch.tab.page, `watch-${name}, answered`);
  await watch.tab.page.evaluate(() => document.activeElement.blur());
  await expectReachableByKeyboard(watch.tab.page, watch.switch, "the off switch");
  await watch.tab.fullScreenshot(`watch-${name}`);
  await Promise.all([home, watch.tab].map((tab) => tab.page.close()));
  story.note(`${name} is seen`);
}

async function expectGoodLooks(page, name) {
  await expectAccessible(page, name);
  await expectNoHorizontalScroll(page, name);
}
