// The words of a page: its question, what is seen, the lesson with its task, and the controls that a phone needs first.

/** @import {Places, Story, Store, WordsContent} from "./types" */

import {button, make} from "./dom.js"
import {drawControls} from "./inputs.js"
import {notify, whenStarted} from "./store.js"

// How long a summary must stay the same before it is said, ms.
const RESTING_MS = 800
// Sizes of type that are tried until a summary fits its box, as shares of the first.
const SIZES = [1, 0.93, 0.86, 0.8]

/**
 * Set a text only where it differs: a screen reader reads out what is set.
 * @param {HTMLElement} node
 * @param {string} text
 * @returns {boolean} whether it differed
 */
function setText(node, text) {
  if (node.textContent === text) return false
  node.textContent = text
  return true
}

/**
 * @param {WordsContent} content
 * @param {Places} places
 * @param {Store} store
 */
export function words(content, places, store) {
  const question = make("h1")
  const line = make("p", {class: "summary"})
  // What a screen reader says once the picture rests: at every step of a slider it would not come to an end.
  const spoken = make("p", {class: "spoken", role: "status"})
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting
  const task = taskBox()
  /** @type {string | null} */
  let shown = null
  /** @param {Story | null} story */
  const drawLesson = (story) => {
    const slug = story?.slug ?? ""
    if (shown === slug) return  // open answers stay open
    shown = slug
    places.card.hidden = !story
    places.card.replaceChildren(...(story ? lessonCard(story, task.node, store) : []))
    notify(store)
  }
  const fit = () => fitted(line)
  /** @param {WordsContent} content */
  const draw = ({question: asked, summary, problem, notes, story, done}) => {
    if (setText(line, summary)) fit()
    clearTimeout(resting)
    resting = setTimeout(() => setText(spoken, summary), RESTING_MS)
    store.complain(problem, notes)
    setText(question, story?.title ?? asked)
    drawLesson(story)
    task.draw(story, done)
  }
  store.receivers.words = draw
  const quick = make("div", {class: "quick"})
  const leave = button({class: "leave", title: "Key P", onclick: () => store.present(false)}, "Leave the presentation")
  places.head.append(question, leave, line, spoken, quick)
  new ResizeObserver(fit).observe(line)
  draw(content)
  whenStarted(store, () => drawControls(quick, content.quick, store))
}

/**
 * Set a text smaller until it fits its box, whose height is fixed: figures below must not move with it.
 * @param {HTMLElement} line
 */
function fitted(line) {
  for (const size of SIZES) {
    line.style.setProperty("--fit", String(size))
    if (line.scrollHeight <= line.clientHeight + 1) return
  }
}

/**
 * @param {Story} story
 * @param {HTMLElement} task
 * @param {Store} store
 * @returns {HTMLElement[]}
 */
function lessonCard({title, place, text, questions, next}, task, store) {
  return [
    make("p", {class: "eyebrow"}, `Lesson ${place[0]} of ${place[1]}`),
    make("h2", {class: "spoken"}, title),  // to be seen as the question above the figures
    ...(text ? [make("p", {}, text)] : []),
    ...questions.map(([ask, answer]) => make("details", {}, make("summary", {}, ask), make("p", {}, answer))),
    task,
    ...(next ? [button({class: "next", onclick: () => store.engine?.ask({type: "lesson", slug: next[0]})},
      `Next: ${next[1]} →`)] : []),
  ]
}

/**
 * The task or, in the same place, what is said when it is done: the card keeps the height of the longer one.
 * @returns {{node: HTMLElement, draw: (story: Story | null, isDone: boolean) => void}}
 */
function taskBox() {
  const text = make("span"), node = make("div", {class: "task", role: "status"}, text)
  return {node, draw: (story, isDone) => {
    node.hidden = !story?.task
    if (!story?.task) return
    const [asked, done] = [`Task: ${story.task}`, `✓ ${story.done}`]
    node.classList.toggle("done", isDone)
    node.dataset.other = isDone ? asked : done
    setText(text, isDone ? done : asked)
  }}
}
