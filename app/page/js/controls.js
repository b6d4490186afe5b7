// The drawer: the lesson, the sections of controls, and the buttons under them.

/** @import {ControlsContent, Part, Store} from "./types" */

import {button, freshId, make} from "./dom.js"
import {drawControls} from "./inputs.js"
import {notify} from "./store.js"
import {uploader} from "./upload.js"

/**
 * @param {Part<ControlsContent>} model
 * @param {HTMLElement} el
 * @param {Store} store of an engine that has started
 */
export function controls(model, el, store) {
  const content = model.content
  const root = make("div", {class: "controls"})
  const lesson = lessonChoice(content.lessons, store)
  if (lesson) root.append(lesson.node)
  // In a lesson that is being made, a box beside each control: whether students see it.
  /** @type {[string, HTMLInputElement][]} */
  const picks = []
  for (const section of content.sections) {
    const box = make("details", {open: section.open}, make("summary", {}, section.title))
    root.append(box)
    for (const {entry, node} of drawControls(box, section.controls, store).drawn) {
      const pick = make("input", {type: "checkbox", "aria-label": `Students see: ${entry.label}`})
      pick.addEventListener("change", () => store.engine?.hide(entry.key, !pick.checked))
      picks.push([entry.key, pick])
      node.querySelector(".head")?.prepend(make("span", {class: "pick"}, pick))
    }
    if (section.title === content.upload?.section) box.append(uploader(model, content.upload, root))
    // A section of which a lesson hides everything is not there.
    const tidy = () => { box.hidden = !box.querySelector(":scope > :not(summary, [hidden])") }
    store.watchers.add(tidy)
    tidy()
  }
  const showPicks = () => { for (const [key, pick] of picks) pick.checked = !store.hidden.has(key) }
  store.receivers.frame = () => {
    lesson?.show()
    showPicks()
  }
  root.append(...buttons(root, store, showPicks))
  el.append(root)
}

/**
 * @param {ControlsContent["lessons"]} lessons
 * @param {Store} store
 * @returns {{node: HTMLElement, show: () => void} | null}
 */
function lessonChoice(lessons, store) {
  if (!lessons.length) return null
  const id = freshId("lesson")
  const select = make("select", {id}, make("option", {value: ""}, "Explore freely"),
    ...lessons.map(([slug, title]) => make("option", {value: slug}, title)))
  const show = () => { select.value = store.frame.lesson }
  show()
  select.addEventListener("change", () => store.engine?.ask({type: "lesson", slug: select.value}))
  const head = make("div", {class: "head"}, make("label", {for: id}, "Lesson"))
  return {node: make("div", {class: "control lesson"}, head, select), show}
}

/**
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {() => void} showPicks
 * @returns {HTMLElement[]}
 */
function buttons(root, store, showPicks) {
  const status = make("span", {class: "said", role: "status"})
  /** @param {string} text */
  const say = (text) => {
    status.textContent = text
    setTimeout(() => { status.textContent = "" }, 4000)
  }
  const copyLink = async () => {
    const address = store.engine?.address() ?? ""
    history.replaceState(history.state, "", address)
    try {
      await navigator.clipboard.writeText(new URL(address, location.href).href)
      say("Link copied")
    } catch {
      say("Copy it from the address bar")
    }
  }
  const teach = button({"aria-pressed": "false", onclick: () => {
    store.editing = !store.editing
    teach.setAttribute("aria-pressed", String(store.editing))
    root.classList.toggle("editing", store.editing)
    showPicks()
    notify(store)
    say(store.editing ? "Untick what students need not see, then copy the link" : "")
  }}, "Make a lesson")
  const present = button({title: "Figures and letters for a projector. Key P", onclick: () => store.present(true)},
    "Present")
  const explain = button({"aria-pressed": "false", onclick: () => {
    explain.setAttribute("aria-pressed", String(root.classList.toggle("explaining")))
  }}, "Explain")
  return [
    make("div", {class: "buttons"},
      button({onclick: () => store.engine?.ask({type: "reset"})}, "Reset"),
      explain,
      ...(store.permalink ? [button({onclick: copyLink}, "Copy link"), teach, present] : [])),
    status,
  ]
}
