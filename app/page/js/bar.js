// The title bar: the way from lab to lab, and what is done with the page as a whole.

/** @import {BarContent, Store} from "./types" */

import {button, make} from "./dom.js"
import {adaptPage} from "./frame.js"
import {notify, storeOf} from "./store.js"

/**
 * @param {BarContent} content
 * @param {HTMLElement} el
 */
export function bar({id, here, labs}, el) {
  const store = id ? storeOf(id) : null
  adaptPage(el, store && (() => store.skipTo))
  const home = make("a", {class: "home", href: "./"}, "AMT Lab")
  const ways = labs.map(([slug, title]) => make("a", {href: slug, "aria-current": slug === here ? "page" : null}, title))
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
  const copyLink = async () => {
    const address = store.engine?.address() ?? ""
    history.replaceState(history.state, "", address)
    try {
      await navigator.clipboard.writeText(new URL(address, location.href).href)
      store.say("Link copied.")
    } catch {
      store.say("Copy the link from the address bar.")
    }
  }
  const explain = button({"aria-pressed": "false", title: "Say below each control what it does",
    onclick: () => { store.explaining = !store.explaining; notify(store) }}, "Explain")
  const teach = button({"aria-pressed": "false", title: "Choose the controls that students see", onclick: () => {
    store.editing = !store.editing
    notify(store)
    store.say(store.editing ? "Untick what students need not see, then copy the link." : "")
  }}, "Make a lesson")
  store.watchers.add(() => {
    explain.setAttribute("aria-pressed", String(store.explaining))
    teach.setAttribute("aria-pressed", String(store.editing))
  })
  return make("div", {class: "actions", role: "group", "aria-label": "Page"},
    explain,
    button({title: "An address that opens what is there now", onclick: copyLink}, "Copy link"),
    teach,
    button({title: "Figures and letters for a projector. Key P", onclick: () => store.present(true)}, "Present"))
}
