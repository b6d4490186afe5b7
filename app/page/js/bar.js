// The title bar: the way from lab to lab, and what is done with the page as a whole.

/** @import {BarContent, Store} from "./types" */

import {button, make} from "./dom.js"
import {adaptPage} from "./frame.js"
import {codeBox, copyLink} from "./share.js"
import {stepButtons} from "./steps.js"
import {notify, storeOf} from "./store.js"

/**
 * @param {BarContent} content
 * @param {HTMLElement} el
 */
export function bar({id, here, labs, ears}, el) {
  const store = id ? storeOf(id) : null
  adaptPage(el, store && (() => store.skipTo))
  const home = make("a", {class: "home", href: "./"}, "AMT Lab")
  const ways = labs.map(([slug, title]) => make("a", {href: slug, "aria-current": slug === here ? "page" : null}, title))
  // The ear goes along.
  store?.watchers.add(() => {
    for (const [i, [slug]] of labs.entries())
      if (ears.includes(slug)) ways[i].href = store.frame.carried ? `${slug}?${store.frame.carried}` : slug
  })
  const nav = make("nav", {"aria-label": "Labs"}, ...ways)
  const sheet = make("div", {class: "sheet"}, nav, ...(store ? [actions(store)] : []))
  const menu = button({class: "menu", "aria-expanded": "false", onclick: () => unfold(!sheet.classList.contains("open"))},
    "Menu")
  /** @param {boolean} is */
  const unfold = (is) => {
    sheet.classList.toggle("open", is)
    menu.setAttribute("aria-expanded", String(is))
  }
  sheet.addEventListener("click", () => unfold(false))
  el.append(make("div", {class: "bar"}, home, menu, sheet))
}

/**
 * @param {Store} store
 * @returns {HTMLElement}
 */
function actions(store) {
  const explain = button({"aria-pressed": "false", title: "Say below each control what it does",
    onclick: () => { store.explaining = !store.explaining; notify(store) }}, "Explain")
  const teach = button({"aria-pressed": "false", title: "Write a lesson that starts from what is there now", onclick: () => {
    store.editing = !store.editing
    notify(store)
  }}, "Make a lesson")
  store.watchers.add(() => {
    explain.setAttribute("aria-pressed", String(store.explaining))
    teach.setAttribute("aria-pressed", String(store.editing))
  })
  const code = codeBox(store)
  return make("div", {class: "actions", role: "group", "aria-label": "Page"},
    stepButtons(store, {keys: true}),
    explain,
    button({title: "An address that opens what is there now", onclick: () => copyLink(store)}, "Copy link"),
    code.button,
    teach,
    button({title: "Figures and letters for a projector. Key P", onclick: () => store.present(true)}, "Present"),
    code.box)
}
