// What the page has to say, over the figures and in sight wherever it is scrolled to: nothing moves for it.

/** @import {Store} from "./types" */

import {button, make} from "./dom.js"

// What the page itself says stays so long, ms, unless something else is said or done before.
const STAY_MS = 8000

/**
 * @param {Store} store whose `say` and `complain` are made
 * @returns {HTMLElement}
 */
export function messages(store) {
  const problems = make("div", {class: "problems", role: "alert"})
  const said = make("p", {class: "said", role: "status"})
  const box = make("div", {class: "message"}, make("div", {}, problems, said),
    button({class: "close", "aria-label": "Close the message", onclick: () => { box.hidden = true }}, "✕"))
  let shown = ""
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let fading
  const show = () => {
    problems.hidden = !problems.childElementCount
    said.hidden = !said.textContent
    const all = `${problems.textContent}|${said.textContent}`
    if (all !== shown) box.hidden = problems.hidden && said.hidden  // one that was closed stays so until it differs
    shown = all
  }
  store.complain = (problem, notes) => {
    const sentences = [...(problem ? [problem] : []), ...notes]
    problems.replaceChildren(...sentences.map((text) => make("p", {class: problem === text ? "problem" : "note"}, text)))
    show()
  }
  store.say = (text, isProblem = false) => {
    clearTimeout(fading)
    said.textContent = text
    said.className = isProblem ? "said problem" : "said"
    if (text) fading = setTimeout(() => store.say(""), STAY_MS)
    show()
  }
  box.hidden = true
  return make("div", {class: "messages"}, box)
}
