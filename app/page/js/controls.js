// The drawer: the choice of a lesson, its card where there is room, and the sections of controls.

/** @import {ControlsContent, Part, Store} from "./types" */

import {lessonForm} from "./author.js"
import {button, freshId, make} from "./dom.js"
import {drawControls} from "./inputs.js"
import {stepButtons} from "./steps.js"
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
  store.drawer = make("div", {class: "lesson-place"})
  root.append(top(lesson?.label, store), ...(lesson ? [lesson.node] : []), store.drawer)
  // In a lesson that is being made, a box beside each control: whether students see it.
  /** @type {[string, HTMLInputElement][]} */
  const picks = []
  for (const section of content.sections) {
    const box = make("details", {open: section.open}, make("summary", {}, section.title))
    root.append(box)
    const {drawn} = drawControls(box, section.controls, store)
    const takesFiles = section.title === content.upload?.section
    // A section without anything in it would only be a line to read.
    const fold = () => { box.hidden = !takesFiles && drawn.every(({node}) => node.hidden) }
    store.watchers.add(fold)
    fold()
    for (const {entry, node} of drawn) {
      const pick = make("input", {type: "checkbox", "aria-label": `Students see: ${entry.label}`})
      pick.addEventListener("change", () => store.engine?.hide(entry.key, !pick.checked))
      picks.push([entry.key, pick])
      node.querySelector(".head")?.prepend(make("span", {class: "pick"}, pick))
    }
    if (content.upload && takesFiles) box.append(uploader(model, content.upload, root, store))
  }
  const showPicks = () => { for (const [key, pick] of picks) pick.checked = !store.hidden.has(key) }
  store.receivers.frame = () => {
    lesson?.show()
    showPicks()
  }
  const form = lessonForm(model, root, store)
  store.watchers.add((moved) => {
    if (moved?.size) return
    root.classList.toggle("editing", store.editing)
    root.classList.toggle("explaining", store.explaining)
    showPicks()
    if (form.node.isConnected !== store.editing) form.show(store.editing)
  })
  el.append(root)
  notify(store)
}

/**
 * @param {ControlsContent["lessons"]} lessons
 * @param {Store} store
 * @returns {{label: HTMLElement, node: HTMLElement, show: () => void} | null}
 */
function lessonChoice(lessons, store) {
  if (!lessons.length) return null
  const id = freshId("lesson")
  const node = make("select", {id}, make("option", {value: ""}, "Explore freely"),
    ...lessons.map(([slug, title]) => make("option", {value: slug}, title)))
  const made = make("option", {hidden: true})
  node.append(made)
  const show = () => {
    made.hidden = !store.frame.made
    made.value = made.hidden ? "made" : store.frame.lesson
    made.textContent = store.frame.made
    node.value = store.frame.lesson
  }
  show()
  node.addEventListener("change", () => store.engine?.ask({type: "lesson", slug: node.value}))
  return {label: make("label", {for: id}, "Lesson"), node, show}
}

/**
 * @param {HTMLElement | undefined} label
 * @param {Store} store
 * @returns {HTMLElement}
 */
function top(label, store) {
  const reset = button({title: "Back to the lab as it opens", onclick: () => store.engine?.ask({type: "reset"})}, "Reset")
  if (store.permalink) return make("div", {class: "head top"}, label ?? make("span"), reset)
  const explain = button({"aria-pressed": "false", onclick: () => {  // a cell has no title bar
    store.explaining = !store.explaining
    explain.setAttribute("aria-pressed", String(store.explaining))
    notify(store)
  }}, "Explain")
  return make("div", {class: "head top"}, label ?? make("span"), stepButtons(store, {keys: false}), explain, reset)
}
