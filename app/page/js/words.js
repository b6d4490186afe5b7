// The words above the figures: what is seen, what is wrong, the lesson, and the controls that a phone needs first.

/** @import {Entry, Part, Story, Store, WordsContent} from "./types" */

import {button, make} from "./dom.js"
import {drawControls} from "./inputs.js"
import {notify, whenStarted} from "./store.js"

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
  const measured = make("p", {class: "measured"})
  /** @type {string | null} */
  let shown = null
  /** @param {Story | null} story */
  const drawLesson = (story) => {
    const slug = story?.slug ?? ""
    if (shown === slug) return  // open answers stay open
    shown = slug
    lesson.hidden = !story
    lesson.replaceChildren(...(story ? lessonCard(story, [task, measured], store) : []))
  }
  /** @param {WordsContent} content */
  const draw = ({summary, problem, notes, story, readings, done, quick}) => {
    drawQuick(quick)
    if (store.leading !== (story?.figure ?? "")) {
      store.leading = story?.figure ?? ""
      notify(store)
    }
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
    setText(measured, readings.map(({label, now, wanted}) => `${label}: now ${now}, wanted ${wanted}`).join(". "))
  }
  const quickBox = make("div", {class: "quick"})
  let quickKeys = "", endQuick = () => {}
  /** @param {Entry[]} entries */
  const drawQuick = (entries) => {
    const keys = entries.map(({key}) => key).join(" ")
    if (keys === quickKeys) return
    quickKeys = keys
    whenStarted(store, () => {
      endQuick()
      quickBox.replaceChildren()
      endQuick = drawControls(quickBox, entries, store).end
    })
  }
  store.receivers.words = draw
  draw(model.content)
  const leave = button({class: "leave", title: "Key P", onclick: () => store.present(false)}, "Leave the presentation")
  const root = make("div", {class: "words"}, leave, line, spoken, problems, lesson, quickBox)
  el.append(root)
  store.watchers.add(() => root.classList.toggle("presenting", store.presenting))
}

/**
 * @param {Story} story
 * @param {HTMLElement[]} task the task, and how far it is
 * @param {Store} store
 * @returns {HTMLElement[]}
 */
function lessonCard({title, text, questions, next}, task, store) {
  return [
    make("h2", {}, title),
    ...(text ? [make("p", {}, text)] : []),
    ...questions.map(([ask, answer]) => make("details", {}, make("summary", {}, ask), make("p", {}, answer))),
    ...task,
    ...(next ? [button({class: "next", onclick: () => store.engine?.ask({type: "lesson", slug: next[0]})},
      `Next: ${next[1]} →`)] : []),
  ]
}
