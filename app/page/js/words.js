// The words above the figures: what is seen, what is wrong, the lesson, and the controls that a phone needs first.

/** @import {Part, Story, Store, WordsContent} from "./types" */

import {button, make} from "./dom.js"
import {drawControls} from "./inputs.js"
import {whenStarted} from "./store.js"

// How long a summary must stay the same before it is said, ms.
const RESTING_MS = 800

/**
 * Set a text only where it differs: a screen reader reads out what is set.
 * @param {HTMLElement} node
 * @param {string} text
 */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * @param {Part<WordsContent>} model
 * @param {HTMLElement} el
 * @param {Store} store
 */
export function words(model, el, store) {
  const line = make("p", {class: "summary"})
  // What a screen reader says once the picture rests: at every step of a slider it would not come to an end.
  const spoken = make("p", {class: "spoken", role: "status"})
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting
  const problems = make("div", {class: "problems", role: "alert"})
  const lesson = make("section", {class: "lesson-card", "aria-label": "Lesson", hidden: true})
  const task = make("p", {class: "task", role: "status"})
  /** @type {string | null} */
  let shown = null
  /** @param {Story | null} story */
  const drawLesson = (story) => {
    const slug = story?.slug ?? ""
    if (shown === slug) return  // open answers stay open
    shown = slug
    lesson.hidden = !story
    lesson.replaceChildren(...(story ? lessonCard(story, task, store) : []))
  }
  /** @param {WordsContent} content */
  const draw = ({summary, problem, notes, story, done}) => {
    setText(line, summary)
    clearTimeout(resting)
    resting = setTimeout(() => setText(spoken, summary), RESTING_MS)
    const sentences = [...(problem ? [problem] : []), ...notes]
    problems.replaceChildren(...sentences.map((text) => make("p", {class: problem === text ? "problem" : "note"}, text)))
    problems.hidden = !sentences.length
    drawLesson(story)
    task.hidden = !story?.task
    if (!story?.task) return
    task.className = done ? "task done" : "task"
    setText(task, done ? `✓ ${story.done}` : `Task: ${story.task}`)
  }
  store.receivers.words = draw
  draw(model.content)
  const quick = make("div", {class: "quick"})
  const leave = button({class: "leave", title: "Key P", onclick: () => store.present(false)}, "Leave the presentation")
  const root = make("div", {class: "words"}, leave, line, spoken, problems, lesson, quick)
  el.append(root)
  store.watchers.add(() => root.classList.toggle("presenting", store.presenting))
  whenStarted(store, () => drawControls(quick, model.content.quick, store))
}

/**
 * @param {Story} story
 * @param {HTMLElement} task
 * @param {Store} store
 * @returns {HTMLElement[]}
 */
function lessonCard({title, text, questions, next}, task, store) {
  return [
    make("h2", {}, title),
    ...(text ? [make("p", {}, text)] : []),
    ...questions.map(([ask, answer]) => make("details", {}, make("summary", {}, ask), make("p", {}, answer))),
    task,
    ...(next ? [button({class: "next", onclick: () => store.engine?.ask({type: "lesson", slug: next[0]})},
      `Next: ${next[1]} →`)] : []),
  ]
}
