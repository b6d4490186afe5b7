// The words of a page: its question, what is seen, the lesson with its task, and the controls that a phone needs first.

/** @import {Entry, Places, Reading, Story, Store, WordsContent} from "./types" */

import {answerBox} from "./answers.js"
import {button, fitInBox, make} from "./dom.js"
import {drawControls} from "./inputs.js"
import {inline, markdown} from "./markdown.js"
import {notify, whenStarted} from "./store.js"
import {printWorksheet} from "./worksheet.js"

// How long a summary must stay the same before it is said, ms.
const RESTING_MS = 800

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
  const {progress, drawProgress} = progressList()
  /** @type {string | null} */
  let shown = null
  /** @param {Story | null} story */
  const drawLesson = (story) => {
    store.story = story
    const text = JSON.stringify(story)
    if (shown === text) return  // open answers stay open
    shown = text
    store.leading = story?.figure ?? ""
    places.card.hidden = !story
    places.card.replaceChildren(...(story ? lessonCard(story, [task.node, progress], store) : []))
    notify(store)
  }
  let quickKeys = "", endQuick = () => {}
  /** @param {Entry[]} entries */
  const drawQuick = (entries) => {
    const keys = entries.map(({key}) => key).join(" ")
    if (keys === quickKeys) return
    quickKeys = keys
    whenStarted(store, () => {
      endQuick()
      places.quick.replaceChildren()
      endQuick = drawControls(places.quick, entries, store).end
    })
  }
  const fit = () => fitInBox(line)
  /** @param {WordsContent} content */
  const draw = ({question: asked, summary, problem, notes, story, readings, done, quick}) => {
    drawQuick(quick)
    if (setText(line, summary)) fit()
    clearTimeout(resting)
    resting = setTimeout(() => setText(spoken, summary), RESTING_MS)
    store.complain(problem, notes)
    setText(question, story?.title ?? asked)
    drawLesson(story)
    task.draw(story, done)
    drawProgress(readings)
  }
  store.receivers.words = draw
  const leave = button({class: "leave", title: "Key P", onclick: () => store.present(false)}, "Leave the presentation")
  places.head.append(question, leave, line, spoken)
  new ResizeObserver(fit).observe(line)
  draw(content)
}

/**
 * @param {Story} story
 * @param {HTMLElement[]} task the task, and how far it is
 * @param {Store} store
 * @returns {HTMLElement[]}
 */
function lessonCard(story, task, store) {
  const {title, place, text, questions, next} = story
  return [
    make("p", {class: "eyebrow"}, place[0] ? `Lesson ${place[0]} of ${place[1]}` : "A lesson of your course"),
    make("h2", {class: "spoken"}, title),  // to be seen as the question above the figures
    ...markdown(text),
    ...questions.map(([ask, answer]) => make("details", {}, make("summary", {}, ...inline(ask)), answerBox(ask),
      answer && make("details", {}, make("summary", {}, "Answer"), ...markdown(answer)))),
    ...task,
    make("div", {class: "group"},
      button({title: "Print the lesson with its figures, and your answers or room for them",
        onclick: () => void printWorksheet(story, store)}, "Worksheet"),
      next && button({class: "next", onclick: () => store.engine?.ask({type: "lesson", slug: next[0]})},
        `Next: ${next[1]} →`)),
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

/**
 * How far the task is: of each number its words, what it is now, and what is wanted. Numbers keep their places.
 * @returns {{progress: HTMLElement, drawProgress: (readings: Reading[]) => void}}
 */
function progressList() {
  const progress = make("dl", {class: "measured"})
  let labels = ""
  return {progress, drawProgress: (readings) => {
    progress.hidden = !readings.length
    const wanted = readings.map(({label}) => label).join("|")
    if (wanted !== labels) {
      labels = wanted
      progress.replaceChildren(...readings.flatMap(({label}) =>
        [make("dt", {}, label), make("dd", {}, make("span", {}, "now "), make("b"), make("span", {class: "wanted"}))]))
    }
    const rows = [...progress.querySelectorAll("dd")]
    readings.forEach(({now, wanted, met}, i) => {
      const [number, limits] = /** @type {NodeListOf<HTMLElement>} */ (rows[i].querySelectorAll("b, .wanted"))
      setText(number, now)
      setText(limits, `, wanted ${wanted}`)
      rows[i].classList.toggle("met", met)
    })
  }}
}
