// A lesson, written on the page: a form beside the controls, a file to keep and open, and a link that holds all of it.

/** @import {Answer, ControlsContent, Part, Store} from "./types" */

import {button, download, freshId, make} from "./dom.js"
import {copyLink} from "./share.js"

/** @typedef {[name: string, low: number | null, high: number | null]} Check */

const HINT = "Lines are paragraphs; “- ” begins an item of a list; **strong**, *stressed*, `code`."

/**
 * @param {Record<string, any>} entry as in a file of lessons
 * @param {{title: string, text: string, figure: string, sound: string, questions: [string, string][],
 *   checks: Check[], task: string, done: string, hide: string[]}} form what was filled in
 * @returns {Record<string, any>} the entry with what was filled in; of other fields it keeps what it has
 */
export function filledIn(entry, {title, text, figure, sound, questions, checks, task, done, hide}) {
  /** @type {Record<string, any>} */
  const found = {...entry, title, text, figure, sound, hide,
    questions: questions.filter(([ask]) => ask.trim()).map(([ask, answer]) => ({ask, answer}))}
  const limits = Object.fromEntries(checks.filter(([name]) => name).map(([name, low, high]) => [name, [low, high]]))
  if (!Object.keys(limits).length) delete found.task
  else found.task = {text: task, checks: limits, done}
  return found
}

/** @param {string} text @returns {number | null} the number that was typed, null where there is none */
function limit(text) {
  return text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text)
}

/**
 * @param {Part<ControlsContent>} model
 * @param {HTMLElement} ground
 * @param {Store} store
 * @returns {{node: HTMLElement, show: (is: boolean) => void}} the form, which is shown with the lesson written last
 */
export function lessonForm(model, ground, store) {
  const {vocabulary} = model.content
  const draftKey = `amtlab-draft:${location.pathname}`
  /** @type {Record<string, any>} */
  let entry = {}
  let slug = ""

  const title = make("input", {type: "text", maxLength: 300})
  const text = make("textarea", {rows: 6, maxLength: 6000})
  const figure = choice([["", "All alike"], ...vocabulary.figures.map((name) => /** @type {[string, string]} */ ([name, name.replaceAll("-", " ")]))])
  const sound = choice([["", "Any"], ...vocabulary.sounds])
  const task = make("textarea", {rows: 2, maxLength: 6000})
  const done = make("textarea", {rows: 2, maxLength: 6000})
  const questions = rows("question", () => {
    const ask = make("textarea", {rows: 2, "aria-label": "Question", placeholder: "Question"})
    const answer = make("textarea", {rows: 2, "aria-label": "Answer", placeholder: "Answer, which is shown when asked for"})
    return {nodes: [ask, answer], read: () => /** @type {[string, string]} */ ([ask.value, answer.value]),
      fill: (/** @type {[string, string]} */ [one, other]) => { ask.value = one; answer.value = other }}
  })
  const checks = rows("measure", () => {
    const name = choice([["", "No measure"], ...vocabulary.measures.map(([key, words, unit]) =>
      /** @type {[string, string]} */ ([key, unit ? `${words} (${unit})` : words]))])
    name.setAttribute("aria-label", "Measure")
    const [low, high] = ["At least", "At most"].map((words) =>
      make("input", {type: "number", step: "any", class: "limit", "aria-label": words, placeholder: words}))
    return {nodes: [name, make("span", {class: "limits"}, low, " to ", high)],
      read: () => /** @type {Check} */ ([name.value, limit(low.value), limit(high.value)]),
      fill: (/** @type {Check} */ [key, from, to]) => {
        name.value = key
        low.value = from === null ? "" : String(from)
        high.value = to === null ? "" : String(to)
      }}
  })
  const problem = make("p", {class: "problem", role: "alert", hidden: true})
  const input = make("input", {type: "file", accept: ".yaml,.yml"})
  const node = make("form", {class: "author", "aria-label": "Make a lesson"},
    field("Title", title), field("Text", text, HINT), make("h3", {}, "Questions"), questions.node,
    make("h3", {}, "Task"), field("What to do", task), checks.node, field("What is said when it is done", done),
    field("The figure in question", figure), field("Its sound", sound),
    make("p", {class: "fine"}, "It begins with the settings that the page has now. Untick below what students need not see."),
    problem,
    make("div", {class: "choices"},
      button({class: "strong", onclick: () => send("preview")}, "Preview"),
      button({onclick: () => send("link")}, "Copy its link"),
      button({onclick: () => send("file")}, "Save as YAML"),
      button({onclick: () => input.click()}, "Open YAML …")))
  node.addEventListener("submit", (event) => event.preventDefault())

  const read = () => filledIn(entry, {
    title: title.value, text: text.value, figure: figure.value, sound: sound.value, questions: questions.read(),
    checks: checks.read(), task: task.value, done: done.value, hide: [...store.hidden].sort(),
  })
  /** @param {Record<string, any>} found */
  const fill = (found) => {
    entry = found
    title.value = found.title ?? ""
    text.value = found.text ?? ""
    figure.value = found.figure ?? ""
    sound.value = found.sound ?? ""
    questions.fill((found.questions ?? []).map((/** @type {any} */ each) => [each.ask, each.answer ?? ""]))
    checks.fill(Object.entries(found.task?.checks ?? {}).map(([name, [low, high]]) => [name, low, high]))
    task.value = found.task?.text ?? ""
    done.value = found.task?.done ?? ""
  }
  const keepDraft = () => {
    try {
      localStorage.setItem(draftKey, JSON.stringify({slug, entry: read()}))
    } catch { /* the form holds it as long as the page is open */ }
  }
  node.addEventListener("input", keepDraft)

  /** @type {"preview" | "link" | "file" | "open"} */
  let purpose = "preview"
  /** @param {"preview" | "link" | "file"} what */
  const send = (what) => {
    purpose = what
    keepDraft()
    store.engine?.ask({type: "make", keep: true, text: JSON.stringify({[slug || slugOf(title.value)]: read()})})
  }
  input.addEventListener("change", async () => {
    const file = input.files?.[0]
    input.value = ""
    if (!file) return
    purpose = "open"
    store.engine?.ask({type: "make", keep: false, text: (await file.text()).slice(0, 60000)})
  })
  model.on("msg:custom", async (/** @type {Answer} */ answer) => {
    if (answer.type !== "made") return
    problem.textContent = answer.problem
    problem.hidden = !answer.problem
    if (answer.problem) return problem.scrollIntoView({block: "nearest"})
    if (purpose === "open") {
      slug = answer.slug
      fill(answer.entry)
      keepDraft()
      store.say("The lesson is open.")
    }
    if (purpose === "preview") store.say("This is the lesson as students see it.")
    if (purpose === "file") download(`${answer.slug}.yaml`, "application/yaml", answer.file)
    if (purpose === "link" && answer.too_long) {
      problem.textContent = `Its link would be ${answer.too_long} characters too long: save it as YAML, or shorten it.`
      problem.hidden = false
    } else if (purpose === "link") await copyLink(store)
  })
  return {node, show(is) {
    if (!is) return node.remove()
    ground.prepend(node)
    node.scrollIntoView({block: "nearest"})
    try {
      const draft = JSON.parse(localStorage.getItem(draftKey) ?? "null")
      if (draft && !title.value) {
        slug = draft.slug
        fill(draft.entry)
      }
    } catch { /* no draft */ }
    if (!questions.read().length) questions.fill([["", ""]])
    if (!checks.read().length) checks.fill([["", null, null]])
  }}
}

/** @param {string} title @returns {string} a name for a lesson with that title */
export function slugOf(title) {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "lesson"
}

/** @param {string} label @param {HTMLElement} input @param {string} [hint] */
function field(label, input, hint) {
  const id = freshId("author")
  input.id = id
  return make("div", {class: "field"}, make("label", {for: id}, label), input, hint && make("p", {class: "fine"}, hint))
}

/** @param {[string, string][]} options @returns {HTMLSelectElement} */
function choice(options) {
  return make("select", {}, ...options.map(([value, words]) => make("option", {value}, words)))
}

/**
 * Rows that can be added and taken away, and are numbered for those who hear the page.
 * @template T
 * @param {string} what a row holds
 * @param {() => {nodes: HTMLElement[], read: () => T, fill: (value: T) => void}} makeRow
 * @returns {{node: HTMLElement, read: () => T[], fill: (values: T[]) => void}}
 */
function rows(what, makeRow) {
  /** @type {{node: HTMLElement, read: () => T, number: (i: number) => void}[]} */
  let drawn = []
  const list = make("div", {})
  const number = () => { for (const [i, row] of drawn.entries()) row.number(i + 1) }
  /** @param {T} [value] */
  const add = (value) => {
    const {nodes, read, fill} = makeRow()
    if (value !== undefined) fill(value)
    const remove = button({title: `Remove this ${what}`, class: "remove", onclick: () => {
      drawn = drawn.filter((each) => each.node !== node)
      node.remove()
      number()
      list.dispatchEvent(new Event("input", {bubbles: true}))
    }}, "×")
    const node = make("div", {class: "authored"}, ...nodes, remove)
    const named = [remove, ...node.querySelectorAll("[aria-label]")]
      .map((each) => ({each, name: each === remove ? `Remove ${what}` : each.getAttribute("aria-label")}))
    drawn.push({node, read, number: (i) => { for (const {each, name} of named) each.setAttribute("aria-label", `${name} ${i}`) }})
    list.append(node)
    number()
  }
  return {
    node: make("div", {}, list, button({onclick: () => add()}, `Add a ${what}`)),
    read: () => drawn.map(({read}) => read()),
    fill(values) {
      drawn = []
      list.replaceChildren()
      for (const value of values) add(value)
    },
  }
}
