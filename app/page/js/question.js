// A question that the page asks before something is lost.

/** @import {Question, Store} from "./types" */

import {button, freshId, make} from "./dom.js"

/**
 * Let the page ask in a box above everything, which keys and screen readers find by themselves.
 * @param {HTMLElement} ground where the box stands
 * @param {Store} store
 */
export function answerQuestions(ground, store) {
  const id = freshId("question")
  const text = make("p", {id})
  const choices = make("div", {class: "choices"})
  const box = make("dialog", {class: "question", "aria-labelledby": id}, text, choices)
  ground.append(box)
  let choice = ""
  /** @param {string} chosen */
  const choose = (chosen) => {
    choice = chosen
    box.close()
  }
  box.addEventListener("close", () => {
    store.asking = false
    store.engine?.ask({type: "sure", do: choice})
  })
  store.receivers.ask = (/** @type {Question} */ question) => {
    choice = ""
    text.textContent = question.text
    const cancel = button({onclick: () => choose("")}, "Cancel")
    choices.replaceChildren(cancel,
      ...question.choices.map(([what, label]) => button({class: "strong", onclick: () => choose(what)}, label)))
    store.asking = true
    if (!box.open) box.showModal()
    cancel.focus()
  }
}
