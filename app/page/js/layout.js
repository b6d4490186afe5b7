// Where everything of the main part stands: messages over all else, the question and what is seen, the lesson, the
// figures, the tools. The lesson's card stands in the drawer where that is open beside the figures.

/** @import {Places, Store} from "./types" */

import {make} from "./dom.js"
import {drawerIsOpen, whenDrawerMoves} from "./frame.js"
import {messages} from "./messages.js"
import {whenStarted} from "./store.js"

// From this width of the window, px, an open drawer has the lesson.
const BESIDE = 1200
// Below this one the drawer is a sheet at the bottom of the screen.
const PHONE = 900

/**
 * @param {HTMLElement} el
 * @param {Store} store
 * @returns {Places}
 */
export function layout(el, store) {
  const head = make("div", {class: "head-line"})
  const lesson = make("div", {class: "lesson-place"})
  const figures = make("div", {class: "figures-place", tabindex: "-1"})
  const tools = make("div", {class: "tools-place"})
  // On a phone right above the figures that they move.
  const quick = make("div", {class: "quick"})
  const root = make("div", {class: "view"}, head, lesson, quick, figures, tools)
  const stage = make("div", {class: "stage"}, messages(store), root)
  el.append(stage)
  store.skipTo = figures
  store.watchers.add(() => stage.classList.toggle("presenting", store.presenting))

  const card = make("section", {class: "lesson-card", "aria-label": "Lesson", hidden: true})
  const wide = matchMedia(`(min-width: ${BESIDE}px)`)
  const settle = () => {
    const place = store.drawer && wide.matches && drawerIsOpen() && !store.presenting ? store.drawer : lesson
    if (card.parentElement !== place) place.append(card)
    root.classList.toggle("beside", place === lesson && !card.hidden)
  }
  // On a phone the drawer leaves the upper half of the screen: the figures stand there.
  const show = () => {
    if (drawerIsOpen() && window.innerWidth < PHONE)
      requestAnimationFrame(() => figures.scrollIntoView({block: "start"}))
  }
  store.watchers.add(settle)
  wide.addEventListener("change", settle)
  whenStarted(store, () => {
    if (!store.permalink) return
    whenDrawerMoves(settle)
    whenDrawerMoves(show)
  })
  settle()
  return {head, card, quick, figures, tools}
}
