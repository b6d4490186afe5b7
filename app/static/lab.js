// The parts of a lab's page that a person touches: controls, the line of words, and the tools under the plots.
// One component draws each part from plain data (app/controls.py); a slider move sends one small message and the
// next one waits for the answer, so a fast drag never queues pictures that nobody will see.

const stores = new Map()

/** What the parts of one page share: the present values, and who wants to know of a change. */
function storeOf(id) {
  if (!stores.has(id))
    stores.set(id, {values: {}, hidden: new Set(), editing: false, watchers: new Set(), receivers: {}, waiting: []})
  return stores.get(id)
}

/** Run when the page's engine has started: a part may be drawn before the figures, which start it. */
function whenStarted(store, run) {
  if (store.waiting) store.waiting.push(run)
  else run()
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value)
    else if (name in node && !name.includes("-") && typeof value !== "string") node[name] = value
    else node.setAttribute(name, value === true ? "" : value)
  }
  node.append(...children.filter((child) => child != null))
  return node
}

let identifiers = 0
const fresh = (stem) => `${stem}-${++identifiers}`

// ---------------------------------------------------------------- values and sliders

// A logarithmic slider steps through the distinct rounded values of its range: every key press moves it.
const LOG_STEPS = 400

function ladder(entry) {
  if (entry.scale !== "log") return null
  const values = new Set([entry.min])
  for (let i = 1; i < LOG_STEPS; i += 1) {
    const raw = entry.min * (entry.max / entry.min) ** (i / LOG_STEPS)
    const rounded = Math.round(Number(raw.toPrecision(3)) / entry.step) * entry.step
    if (rounded > entry.min && rounded < entry.max) values.add(Number(rounded.toPrecision(10)))
  }
  return [...values, entry.max].sort((a, b) => a - b)
}

function nearest(rungs, value) {
  let best = 0
  for (let i = 1; i < rungs.length; i += 1)
    if (Math.abs(Math.log(rungs[i] / value)) < Math.abs(Math.log(rungs[best] / value))) best = i
  return best
}

function withUnit(entry, value) {
  return entry.unit ? `${value} ${entry.unit}` : `${value}`
}

/** Run when a person is done typing, once or twice. In JupyterLab the Enter key is no end of it for the browser. */
function whenTyped(box, run) {
  box.addEventListener("change", run)
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") run() })
}

function numberControl(entry, store) {
  const id = fresh("slider")
  const rungs = ladder(entry)
  const slider = make("input", {
    type: "range", id,
    min: String(rungs ? 0 : entry.min), max: String(rungs ? rungs.length - 1 : entry.max), step: String(rungs ? 1 : entry.step),
    "aria-describedby": `${id}-help`,
  })
  const number = make("input", {
    type: "number", class: "number", "aria-label": `${entry.label}, exact value`,
    min: String(entry.min), max: String(entry.max), step: "any",
  })
  const show = (value, moveSlider) => {
    if (moveSlider) slider.value = String(rungs ? nearest(rungs, value) : value)
    number.value = String(value)
    slider.setAttribute("aria-valuetext", withUnit(entry, value))
    const share = (Number(slider.value) - Number(slider.min)) / (Number(slider.max) - Number(slider.min))
    slider.style.setProperty("--filled", `${100 * Math.min(Math.max(share, 0), 1)}%`)
  }
  slider.addEventListener("input", () => {
    const value = rungs ? rungs[Number(slider.value)] : Number(Number(slider.value).toPrecision(10))
    show(value, false)
    store.set(entry.key, value)
  })
  whenTyped(number, () => {
    if (number.value === "" || !Number.isFinite(Number(number.value))) show(store.values[entry.key], true)
    else store.set(entry.key, Number(number.value))
  })
  const reset = () => store.set(entry.key, entry.default)
  slider.addEventListener("dblclick", reset)
  const node = make(
    "div", {class: "control", title: entry.help},
    make("div", {class: "head"},
      make("label", {for: id}, entry.label),
      make("span", {class: "value"}, number, make("span", {class: "unit", "aria-hidden": "true"}, entry.unit)),
    ),
    slider,
    make("p", {class: "help", id: `${id}-help`}, entry.help),
  )
  return {node, show: (value) => show(value, true)}
}

function choiceControl(entry, store) {
  const id = fresh("choice")
  const select = make("select", {id, "aria-describedby": `${id}-help`},
    ...entry.options.map(([value, name]) => make("option", {value: String(value)}, name)))
  const typed = new Map(entry.options.map(([value]) => [String(value), value]))
  select.addEventListener("change", () => store.set(entry.key, typed.get(select.value)))
  const node = make(
    "div", {class: "control", title: entry.help},
    make("div", {class: "head"}, make("label", {for: id}, entry.label)),
    select,
    make("p", {class: "help", id: `${id}-help`}, entry.help),
  )
  return {node, show: (value) => { select.value = String(value) }}
}

function flagControl(entry, store) {
  const id = fresh("flag")
  const box = make("input", {type: "checkbox", id, "aria-describedby": `${id}-help`})
  box.addEventListener("change", () => store.set(entry.key, box.checked))
  const node = make(
    "div", {class: "control", title: entry.help},
    make("div", {class: "head"}, make("label", {for: id}, box, ` ${entry.label}`)),
    make("p", {class: "help", id: `${id}-help`}, entry.help),
  )
  return {node, show: (value) => { box.checked = Boolean(value) }}
}

function textControl(entry, store) {
  const id = fresh("text")
  const box = make("input", {type: "text", id, maxlength: "200", autocomplete: "off", "aria-describedby": `${id}-help`})
  whenTyped(box, () => store.set(entry.key, box.value))
  const node = make(
    "div", {class: "control", title: entry.help},
    make("div", {class: "head"}, make("label", {for: id}, entry.label)),
    box,
    make("p", {class: "help", id: `${id}-help`}, entry.help),
  )
  return {node, show: (value) => { box.value = value }}
}

const BUILDERS = {number: numberControl, choice: choiceControl, flag: flagControl, text: textControl}

/** Draw the entries into `parent`, keep them in step with the store, and return what hides and shows them. */
function drawControls(parent, entries, store) {
  const drawn = entries.map((entry) => {
    const control = BUILDERS[entry.kind](entry, store)
    parent.append(control.node)
    return {entry, ...control}
  })
  const refresh = (moved) => {
    for (const {entry, node, show} of drawn) {
      const value = store.values[entry.key]
      if (moved === undefined || moved.has(entry.key)) show(value)
      const needed = !entry.when || Object.entries(entry.when).every(([key, allowed]) => allowed.includes(store.values[key]))
      node.hidden = !needed || (store.hidden?.has(entry.key) && !store.editing)
    }
  }
  store.watchers.add(refresh)
  refresh()
  return drawn
}

// ---------------------------------------------------------------- the controls

/** Start what the parts share: sending changes one at a time, taking in answers, writing the link. */
function startEngine(model, store, {values, defaults, derived, kept_when, foreign, permalink, frame}) {
  Object.assign(store, {values: {...values}, hidden: new Set(frame.hide), frame, permalink})

  // One question at a time: the next message goes when the picture for the last one has come.
  // What has gone and is not answered yet stands in `sent`, under the number it went with.
  const sent = new Map()
  let waiting = {}, pointed = null, busy = false, lost = false, sequence = 0, rescue = 0
  const send = () => {
    busy = true
    sequence += 1
    if (Object.keys(waiting).length) {
      model.send_msg({type: "set", values: waiting, sequence})
      sent.set(sequence, waiting)
      waiting = {}
    } else {
      model.send_msg({type: "point", ...pointed, sequence})
      pointed = null
    }
    // A lost answer must not silence the controls for good.
    clearTimeout(rescue)
    rescue = setTimeout(() => { busy = false; flush() }, 4000)
  }
  const flush = () => {
    if (!busy && !lost && (pointed || Object.keys(waiting).length)) send()
  }
  // A button speaks of what the page shows: what was moved before it was pressed does not wait behind it.
  store.ask = (message) => {
    if (!lost && Object.keys(waiting).length) send()
    model.send_msg(message)
  }
  const tellWatchers = (moved) => { for (const watcher of store.watchers) watcher(moved) }
  store.point = (place) => { pointed = place; flush() }
  store.set = (key, value) => {
    const before = store.values[key]
    store.values = {...store.values, [key]: value}
    tellWatchers(new Set([key]))
    if (value === before) return
    waiting[key] = value
    flush()
    writeLink()
  }
  store.hide = (key, hidden) => {
    if (hidden) store.hidden.add(key)
    else store.hidden.delete(key)
    store.ask({type: "hide", keys: [...store.hidden]})
    writeLink()
  }
  store.answered = (number) => {
    for (const earlier of [...sent.keys()]) if (earlier <= number) sent.delete(earlier)
  }
  store.drawn = (number) => {
    if (number < sequence) return
    clearTimeout(rescue)
    busy = false
    flush()
  }
  // What was moved without a connection, or was on its way when it broke, goes when there is one again.
  store.lost = () => {
    lost = true
    clearTimeout(rescue)
    waiting = Object.assign({}, ...sent.values(), waiting)
    sent.clear()
  }
  store.found = () => {
    lost = busy = false
    flush()
    model.send_msg({type: "hello"})  // afterwards: its answer is the present picture then
  }
  store.receivers.values = (fresh) => {
    const moved = new Set()
    // What the server says of a value that is on its way there is out of date.
    const underWay = Object.assign({}, ...sent.values(), waiting)
    for (const [key, value] of Object.entries(fresh)) {
      if (key in underWay || store.values[key] === value) continue
      store.values[key] = value
      moved.add(key)
    }
    if (!moved.size) return
    tellWatchers(moved)
    writeLink()
  }
  store.receivers.controls = (fresh) => {
    store.frame = fresh
    store.hidden = new Set(fresh.hide)
    tellWatchers(new Set())
    store.receivers.frame?.()
    writeLink()
  }

  // The link: what differs from a fresh lab, written by the page itself so that a move costs the server nothing.
  let linkTimer = 0
  store.link = () => {
    const query = new URLSearchParams()
    for (const [key, value] of new URLSearchParams(location.search))
      if (foreign.includes(key)) query.set(key, value)
    const {lesson, lesson_state, lesson_hide, pinned} = store.frame
    if (lesson) query.set("lesson", lesson)
    const hidden = [...store.hidden].sort().join(",")
    if (hidden !== [...lesson_hide].sort().join(",")) query.set("hide", hidden)
    const usual = {...defaults, ...lesson_state}
    const isKept = (key) => key in kept_when &&
      Object.entries(kept_when[key]).every(([other, allowed]) => allowed.includes(store.values[other]))
    for (const [key, value] of Object.entries(store.values))
      if ((value !== usual[key] || isKept(key)) && !derived.includes(key)) query.set(key, String(value))
    if (pinned !== null) query.set("a", pinned)
    const text = query.toString().replaceAll("%2C", ",")
    return location.pathname + (text ? `?${text}` : "")
  }
  const writeLink = () => {
    if (!permalink || linkTimer) return
    linkTimer = setTimeout(() => { linkTimer = 0; history.replaceState(history.state, "", store.link()) }, 350)
  }
  const run = store.waiting
  store.waiting = null
  for (const start of run ?? []) start()
  if (permalink) {
    adaptPage()
    keepConnected(store)
  }
}

function controls(model, el) {
  const content = model.content
  const store = storeOf(content.id)
  const root = make("div", {class: "controls"})
  let lessons = null
  if (content.lessons.length) {
    const id = fresh("lesson")
    lessons = make("select", {id}, make("option", {value: ""}, "Explore freely"),
      ...content.lessons.map(([slug, title]) => make("option", {value: slug}, title)))
    lessons.value = store.frame.lesson
    lessons.addEventListener("change", () => store.ask({type: "lesson", slug: lessons.value}))
    root.append(make("div", {class: "control lesson"},
      make("div", {class: "head"}, make("label", {for: id}, "Lesson")), lessons))
  }
  const picks = []
  for (const section of content.sections) {
    const box = make("details", {open: section.open}, make("summary", {}, section.title))
    root.append(box)
    for (const {entry, node} of drawControls(box, section.controls, store)) {
      const pick = make("input", {type: "checkbox", "aria-label": `Students see: ${entry.label}`})
      pick.addEventListener("change", () => store.hide(entry.key, !pick.checked))
      picks.push([entry.key, pick])
      node.querySelector(".head").prepend(make("span", {class: "pick"}, pick))
    }
    if (section.title === content.upload?.section) box.append(uploader(model, content.upload, root))
  }
  store.receivers.frame = () => {
    if (lessons) lessons.value = store.frame.lesson
    for (const [key, pick] of picks) pick.checked = !store.hidden.has(key)
  }

  const said = make("span", {class: "said", role: "status"})
  const say = (text) => { said.textContent = text; setTimeout(() => { said.textContent = "" }, 4000) }
  const copy = make("button", {type: "button", onclick: async () => {
    const address = new URL(store.link(), location.href).href
    history.replaceState(history.state, "", store.link())
    try { await navigator.clipboard.writeText(address); say("Link copied") }
    catch { say("Copy it from the address bar") }
  }}, "Copy link")
  const teach = make("button", {type: "button", "aria-pressed": "false", onclick: () => {
    store.editing = !store.editing
    teach.setAttribute("aria-pressed", String(store.editing))
    root.classList.toggle("editing", store.editing)
    for (const [key, pick] of picks) pick.checked = !store.hidden.has(key)
    for (const watcher of store.watchers) watcher(new Set())
    say(store.editing ? "Untick what students need not see, then copy the link" : "")
  }}, "Make a lesson")
  const explain = make("button", {type: "button", "aria-pressed": "false", onclick: () => {
    explain.setAttribute("aria-pressed", String(root.classList.toggle("explaining")))
  }}, "Explain")
  root.append(make("div", {class: "buttons"},
    make("button", {type: "button", onclick: () => store.ask({type: "reset"})}, "Reset"),
    explain, store.permalink ? copy : null, store.permalink ? teach : null), said)
  el.append(root)
}

// ---------------------------------------------------------------- a file of one's own

const CHUNK = 512 * 1024

function uploader(model, limits, root) {
  const input = make("input", {type: "file", accept: ".wav,.flac,.ogg,.oga,.mp3,audio/*", class: "file", id: fresh("file")})
  const text = make("span", {}, limits.words)
  const bar = make("progress", {max: 1, value: 0, hidden: true, "aria-label": "Upload"})
  const zone = make("label", {class: "drop", for: input.id}, text, bar, input)
  const problem = make("p", {class: "problem", role: "alert", hidden: true})
  let job = null
  const fail = (sentence) => {
    job = null
    bar.hidden = true
    text.textContent = limits.words
    problem.textContent = sentence
    problem.hidden = false
  }
  const next = () => {
    const {file, start, id} = job
    const end = Math.min(start + CHUNK, file.size)
    const reader = new FileReader()
    reader.onerror = () => fail(`${file.name} could not be read.`)
    reader.onload = () => {
      if (job?.id !== id) return
      const data = reader.result.slice(reader.result.indexOf(",") + 1)
      model.send_msg({type: "upload", id, name: file.name, size: file.size, start, data})
      job.start = end
      bar.value = file.size ? end / file.size : 1
    }
    reader.readAsDataURL(file.slice(start, end))
  }
  const send = (file) => {
    if (!file) return
    problem.hidden = true
    if (file.size > limits.bytes) {
      const megabytes = (n) => (n / 1048576).toFixed(0)
      fail(`${file.name} has ${megabytes(file.size)} MB; the limit is ${megabytes(limits.bytes)} MB. Cut or compress it.`)
      return
    }
    job = {file, start: 0, id: fresh("upload")}
    text.textContent = `Reading ${file.name} …`
    bar.hidden = false
    next()
  }
  model.on("msg:custom", (message) => {
    if (message.type === "upload-more" && job?.id === message.id) next()
    if (message.type === "upload-done" && job?.id === message.id) {
      job = null
      bar.hidden = true
      text.textContent = message.text
    }
    if (message.type === "upload-failed" && job?.id === message.id) fail(message.text)
  })
  input.addEventListener("change", () => { send(input.files[0]); input.value = "" })
  // The whole page takes a dropped file, not only the small box.
  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return
    event.preventDefault()
    zone.classList.add("over")
  }
  const leave = () => zone.classList.remove("over")
  const drop = (event) => {
    if (!event.dataTransfer?.files.length || !root.isConnected) return
    event.preventDefault()
    leave()
    send(event.dataTransfer.files[0])
  }
  if (limits.page) {
    window.addEventListener("dragover", over)
    window.addEventListener("dragleave", leave)
    window.addEventListener("drop", drop)
  } else {
    zone.addEventListener("dragover", over)
    zone.addEventListener("dragleave", leave)
    zone.addEventListener("drop", drop)
  }
  return make("div", {class: "upload"}, zone, problem)
}

// ---------------------------------------------------------------- words above the plots

function words(model, el) {
  const store = storeOf(model.content.id)
  const line = make("p", {class: "summary", role: "status", "aria-live": "polite"})
  const problems = make("div", {class: "problems", role: "alert"})
  const lesson = make("section", {class: "lesson-card", "aria-label": "Lesson", hidden: true})
  const task = make("p", {class: "task", role: "status"})
  let told = null
  const draw = ({summary, problem, notes, story, done}) => {
    if (line.textContent !== summary) line.textContent = summary
    const sentences = [...(problem ? [problem] : []), ...notes]
    problems.replaceChildren(...sentences.map((text) => make("p", {class: problem === text ? "problem" : "note"}, text)))
    problems.hidden = !sentences.length
    if (told !== (story?.slug ?? "")) {
      told = story?.slug ?? ""
      lesson.hidden = !story
      lesson.replaceChildren(...(story ? [
        make("h2", {}, story.title),
        ...(story.text ? [make("p", {}, story.text)] : []),
        ...story.questions.map(([ask, answer]) => make("details", {}, make("summary", {}, ask), make("p", {}, answer))),
        task,
        story.next && make("button", {type: "button", class: "next",
          onclick: () => store.ask({type: "lesson", slug: story.next[0]})}, `Next: ${story.next[1]} →`),
      ].filter(Boolean) : []))
    }
    task.hidden = !story?.task
    if (story?.task) {
      task.className = done ? "task done" : "task"
      const text = done ? `✓ ${story.done}` : `Task: ${story.task}`
      if (task.textContent !== text) task.textContent = text
    }
  }
  store.receivers.words = draw
  draw(model.content)
  const quick = make("div", {class: "quick"})
  el.append(make("div", {class: "words"}, line, problems, lesson, quick))
  whenStarted(store, () => drawControls(quick, model.content.quick, store))
}

// ---------------------------------------------------------------- listen, compare, keep

function download(name, mime, bytes) {
  const address = URL.createObjectURL(new Blob([bytes], {type: mime}))
  const anchor = make("a", {href: address, download: name})
  anchor.click()
  setTimeout(() => URL.revokeObjectURL(address), 10000)
}

function decode(text) {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i)
  return bytes
}

function tools(model, el) {
  const {sounds, exports, id, file} = model.content
  const store = storeOf(id)
  const player = make("audio", {controls: true, preload: "none", "aria-label": "Player"})
  const playing = make("span", {class: "playing", role: "status"})
  let address = null
  const ask = (message) => store.ask(message)
  const listen = sounds.map(([key, label, help]) =>
    make("button", {type: "button", title: help, onclick: () => ask({type: "sound", key})}, `▶ ${label}`))
  const heard = make("span", {class: "fine"}, "Played at one safe level; dB SPL is the model’s level.")
  model.on("msg:custom", (message) => {
    if (message.type === "sound") {
      if (address) URL.revokeObjectURL(address)
      address = URL.createObjectURL(new Blob([decode(message.data)], {type: "audio/wav"}))
      player.src = address
      playing.textContent = message.title
      player.hidden = false
      player.play().catch(() => { playing.textContent = `${message.title}: press play` })
    }
    if (message.type === "file") download(message.name, message.mime, decode(message.data))
    if (message.type === "failed") playing.textContent = message.text
  })
  player.hidden = true

  const pin = make("button", {type: "button", onclick: () => ask({type: "pin"}),
    title: "Keep the present state as a dashed ghost behind the live one"}, "Pin as A")
  const swap = make("button", {type: "button", onclick: () => ask({type: "swap"})}, "Swap A and B")
  const unpin = make("button", {type: "button", onclick: () => ask({type: "unpin"})}, "Unpin")
  const hearA = make("button", {type: "button", onclick: () => ask({type: "sound", key: "a"})}, "▶ A")
  const hearB = make("button", {type: "button", onclick: () => ask({type: "sound", key: "b"})}, "▶ B")
  const fit = make("button", {type: "button", onclick: () => ask({type: "fit"}),
    title: "Set the axes to what is there now"}, "Fit axes")

  const doing = make("progress", {max: 1, value: 0, "aria-label": "Progress"})
  const left = make("span", {class: "fine"})
  const actions = make("span", {class: "actions"})
  const work = make("div", {class: "work", role: "group", "aria-label": "Computation"}, actions, doing, left)
  let offered = ""
  const drawWork = (state) => {
    work.hidden = !state
    if (!state) return
    // Redrawn only when the buttons differ: one that has the focus must keep it while numbers run.
    const buttons = JSON.stringify(state.buttons)
    if (buttons !== offered) {
      offered = buttons
      const held = actions.contains(actions.getRootNode().activeElement)  // they stand in another part's corner
      actions.replaceChildren(...state.buttons.map(([action, label]) =>
        make("button", {type: "button", onclick: () => ask({type: "work", do: action})}, label)))
      if (held) actions.firstChild?.focus()
    }
    doing.hidden = !state.running
    doing.value = state.share
    const time = !state.running ? "" : state.left === null ? "…" : `${Math.ceil(state.left)} s left`
    left.textContent = [state.text, time].filter(Boolean).join(" · ")
  }

  const code = make("code")
  const copied = make("span", {class: "said", role: "status"})
  const show = make("details", {class: "code"}, make("summary", {}, "Show the code"),
    make("button", {type: "button", onclick: async () => {
      try { await navigator.clipboard.writeText(code.textContent); copied.textContent = "Copied" }
      catch { copied.textContent = "Select the text and copy it" }
    }}, "Copy"), copied, make("pre", {tabindex: "0", "aria-label": "Code"}, code))
  show.addEventListener("toggle", () => ask({type: "code", open: show.open}))

  const keep = [
    make("button", {type: "button", onclick: () => picture(store, "png", file)}, "PNG"),
    make("button", {type: "button", onclick: () => picture(store, "svg", file)}, "SVG"),
    ...exports.map(([key, label, help]) =>
      make("button", {type: "button", title: help, onclick: () => ask({type: "export", key})}, label)),
  ]
  const group = (label, ...nodes) => make("div", {class: "group", role: "group", "aria-label": label},
    make("span", {class: "label"}, label), ...nodes)
  const draw = (content) => {
    for (const node of [swap, unpin, hearA, hearB]) node.hidden = !content.pinned
    sounds.forEach(([key], i) => { listen[i].hidden = content.silent.includes(key) })
    if (code.textContent !== content.code) code.textContent = content.code
    drawWork(content.work)
  }
  store.receivers.tools = draw
  draw(model.content)
  el.append(make("div", {class: "tools"},
    make("div", {class: "row"}, ...(model.content.compares ? [group("Compare", pin, swap, unpin, hearA, hearB, model.content.fits ? fit : null)] : []), group("Keep", ...keep)), show))
  const ears = make("div", {class: "listen"}, work, group("Listen", ...listen), player, playing, heard)
  const place = () => (store.corner ?? el).prepend(ears)
  store.receivers.corner = place
  place()
}

// ---------------------------------------------------------------- figures

/** Colour the figures as the page around them. */
function paint(document, ground) {
  const style = getComputedStyle(ground)
  const ink = style.color
  const paper = style.getPropertyValue("--paper").trim() || "#ffffff"
  const faint = style.getPropertyValue("--line").trim() || "#cccccc"
  for (const figure of document.roots()) {
    figure.setv({background_fill_color: paper, border_fill_color: null, outline_line_color: faint})
    figure.title?.setv({text_color: ink})
    for (const side of ["left", "right", "above", "below"]) {
      for (const part of figure[side]) {
        if (part.type === "ColorBar") {
          part.setv({major_label_text_color: ink, title_text_color: ink, background_fill_color: null})
        } else if (part.axis_label_text_color !== undefined) {
          part.setv({axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: faint, major_tick_line_color: faint})
        }
      }
    }
    for (const part of [...figure.center, ...figure.left, ...figure.right, ...figure.above, ...figure.below])
      if (part.type === "Legend")
        part.setv({label_text_color: ink, background_fill_color: paper, background_fill_alpha: 0.8, border_line_color: null})
    for (const part of figure.center)
      if (part.grid_line_color !== undefined && part.grid_line_color !== null) part.setv({grid_line_color: faint})
  }
}

/** Give a scene its arrays, which travel as one. */
function unbundled(scene) {
  if (!scene.bytes) return scene
  const {ndarray} = Bokeh.require("core/util/ndarray")
  const {buffer, byteOffset} = scene.bytes
  const found = (value) => {
    if (Array.isArray(value)) return value.map(found)
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value
    if (value.dtype === undefined) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, found(each)]))
    return ndarray(buffer.slice(byteOffset + value.from, byteOffset + value.to), value)
  }
  return {...scene, data: found(scene.data)}
}

/** Turn what travels small into what a data source holds. */
function unpack(values, image) {
  if (values?.every_line !== undefined) return Array(values.lines).fill(values.every_line)
  if (values?.packed === undefined) return values
  const {packed, low, high} = values
  const [rows, columns] = packed.shape
  const step = (high - low) / 255
  const whole = Float32Array.from(packed, (value) => low + step * value)
  if (!image) return Array.from({length: rows}, (_, row) => whole.subarray(row * columns, (row + 1) * columns))
  const {ndarray} = Bokeh.require("core/util/ndarray")
  return [ndarray(whole, {dtype: "float32", shape: [rows, columns]})]
}

/** Name in a legend only what is there: a line without points has no entry. */
function tidyLegends(document, scene, opening) {
  const filled = new Map(Object.entries(scene.data).map(([name, columns]) => [`${name}-data`, Object.values(columns)[0]?.length > 0]))
  for (const figure of document.roots())
    for (const legend of figure.center.filter((part) => part.type === "Legend"))
      for (const item of legend.items) {
        const told = item.renderers.map(({data_source}) => filled.get(data_source.name) ?? (opening && data_source.name ? false : null))
          .filter((known) => known !== null)
        if (told.length && item.visible !== told.some(Boolean)) item.visible = told.some(Boolean)
      }
}

function applyScene(document, sent, opening = false) {
  const scene = unbundled(sent)
  const named = (path) => {
    const [name, ...parts] = path.split(".")
    // HoloViews names ranges after dimensions, so a figure is looked for among the figures first.
    const model = document.roots().find((figure) => figure.name === name) ?? document.get_model_by_name(name)
    return parts.reduce((found, part) => found[part], model)
  }
  for (const [name, columns] of Object.entries(scene.set)) named(name).setv(columns)
  for (const [axis, [start, end]] of Object.entries(scene.limits))
    named(axis).setv({start, end, reset_start: start, reset_end: end})
  for (const [name, columns] of Object.entries(scene.data)) {
    const image = "image" in columns
    for (const [column, values] of Object.entries(columns)) columns[column] = unpack(values, image)
    named(`${name}-data`).data = columns
  }
  tidyLegends(document, scene, opening)
}

async function figures(model, el) {
  const content = model.content
  const store = storeOf(content.id)
  startEngine(model, store, content.engine)
  const grid = make("div", {class: "figures"})
  const style = make("style")
  el.append(style, make("div", {class: "room"}, grid))
  // Two labs may stand in one notebook: every model gets an id of its own.
  const text = content.template.replace(/"id":"(p\d+)"/g, `"id":"${content.id}-${++identifiers}-$1"`)
  const {Document} = Bokeh.require("document")
  const plots = Document.from_json(JSON.parse(text))
  const waiting = []
  store.receivers.scene = (scene) => waiting.push(scene)
  model.on("msg:custom", (message) => {
    if (message.type !== "update") return
    const {answered} = message
    if (answered !== undefined) store.answered(answered)  // first: the values beside it are up to date
    for (const [part, fresh] of Object.entries(message)) store.receivers[part]?.(fresh)
    // Last, so that the page asks again only when this picture is drawn.
    if (answered !== undefined) requestAnimationFrame(() => {
      store.drawn(answered)
      window.dispatchEvent(new CustomEvent("amtlab-drawn", {detail: answered}))
    })
  })
  applyScene(plots, content.scene, true)
  store.corner = make("div", {class: "corner"})
  grid.append(store.corner)
  store.receivers.corner?.()
  const targets = plots.roots().map((figure) => {
    const target = make("div", {"data-name": figure.name})
    grid.append(target)
    return target
  })
  // A figure stands in the area of its name, unless the lab's own rules say otherwise.
  const areas = plots.roots().map(({name}) => `.figures > [data-name="${name}"] { grid-area: ${name}; min-width: 0 }`)
  style.textContent = areas.join("\n") + content.grid
  paint(plots, grid)
  await Bokeh.embed.add_document_standalone(plots, grid, targets)
  store.views = plots.roots().map((figure) => plots.views_manager.get(figure))
  store.receivers.scene = (scene) => applyScene(plots, scene)
  for (const scene of waiting) applyScene(plots, scene)
  // In a notebook, cells run on while this one is being drawn: what they changed meanwhile is asked for.
  if (!store.permalink || content.late) model.send_msg({type: "hello"})
  new MutationObserver(() => paint(plots, grid)).observe(document.documentElement, {attributes: true, attributeFilter: ["class"]})
  for (const name of content.pointable) {
    const figure = plots.roots().find((root) => root.name === name)
    const look = (event) => { if (Number.isFinite(event.x)) store.point({figure: name, x: event.x, y: event.y}) }
    figure.on_event("tap", look)
    let dragging = false
    figure.on_event("panstart", () => { dragging = figure.toolbar.active_drag == null })
    figure.on_event("pan", (event) => { if (dragging) look(event) })
    figure.on_event("mousemove", (event) => {
      const {x_range, y_range} = figure
      if (store.values["v.follow"] && event.x > x_range.start && event.x < x_range.end && event.y > y_range.start && event.y < y_range.end)
        look(event)
    })
  }
}

/** Put all figures of a lab into one picture, as they stand on the page. */
async function picture(store, kind, name) {
  const views = (store.views ?? []).filter((view) => view.el.getBoundingClientRect().width > 0)
  const boxes = views.map((view) => view.el.getBoundingClientRect())
  const left = Math.min(...boxes.map((b) => b.left)), top = Math.min(...boxes.map((b) => b.top))
  const width = Math.max(...boxes.map((b) => b.right)) - left, height = Math.max(...boxes.map((b) => b.bottom)) - top
  const ground = getComputedStyle(views[0].el).getPropertyValue("--mui-palette-background-default").trim() || "#ffffff"
  if (kind === "png") {
    const ratio = 2
    const canvas = make("canvas", {width: Math.ceil(width * ratio), height: Math.ceil(height * ratio)})
    const context = canvas.getContext("2d")
    context.fillStyle = ground
    context.fillRect(0, 0, canvas.width, canvas.height)
    for (const [i, view] of views.entries()) {
      const box = boxes[i]
      const layer = view.export("png", true)
      context.drawImage(layer.canvas, ratio * (box.left - left), ratio * (box.top - top), ratio * box.width, ratio * box.height)
    }
    canvas.toBlob(async (blob) => download(`${name}.png`, "image/png", await blob.arrayBuffer()))
    return
  }
  const pieces = views.map((view, i) => {
    const inner = view.export("svg").ctx.get_serialized_svg(true).replace(/^<\?xml[^>]*>/, "")
    return `<svg x="${boxes[i].left - left}" y="${boxes[i].top - top}" width="${boxes[i].width}" height="${boxes[i].height}">${inner}</svg>`
  })
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<rect width="100%" height="100%" fill="${ground}"/>${pieces.join("")}</svg>`
  download(`${name}.svg`, "image/svg+xml", svg)
}

// ---------------------------------------------------------------- the connection

// What a server process closes a connection with whose session it does not have, and the range of codes that come with
// a sentence for the person (app/server/refusals.py).
const NO_SUCH_SESSION = 4404, FIRST_REFUSAL = 4400, LAST_REFUSAL = 4499
// A hub's jupyter-server-proxy passes on neither code nor reason. Where the server is gone, it breaks off (1006).
const NOTHING_SAID = 1005, BARE_TRIES = 8
const BAD_MESSAGE = 4002

/** Say that the connection is lost, find the way back to the session, and open the page anew if it is gone. */
function keepConnected(store) {
  const line = make("p", {
    role: "alert",
    style: "position: fixed; inset: auto 0 0 0; margin: 0; padding: 0.6rem; z-index: 2000; text-align: center; " +
      "background: #8a1c1c; color: #ffffff",
  })
  let known = null, refused = 0, told = ""
  const adopt = (connection) => {
    known = connection
    connection.args_string = [connection.args_string, "again=1"].filter(Boolean).join("&")
    // Bokeh would fetch the whole document, and fails at the arrays in it: what has changed is asked for below.
    connection._repull_session_doc = async (resolve) => resolve(connection.session)
    // A class does not come back in the same instant; a session may be in another process, which is asked soon.
    connection._reconnect_delay = () => told ? 10000 : refused ? 200 : 1000 + 2000 * Math.random()
    // Bokeh closes with 1002, which a browser refuses to its scripts, and then waits on for ever.
    connection._close_bad_protocol = (detail) => {
      console.error(`What the server sent could not be read: ${detail}`)
      connection.socket?.close(BAD_MESSAGE)
    }
    // What the wire was cut in the middle of would swallow the start of what the next connection brings.
    const forget = () => connection._receiver = new connection._receiver.constructor()
    forget()
    const closed = connection._on_close.bind(connection)
    connection._on_close = (event, reject) => {
      forget()
      connection._reconnection_attempts_left = 5
      const bare = event.code === NOTHING_SAID
      const isTold = event.code >= FIRST_REFUSAL && event.code <= LAST_REFUSAL && event.code !== NO_SUCH_SESSION
      told = isTold ? event.reason : ""
      if (event.code === NO_SUCH_SESSION || bare) refused += 1
      if (refused >= Number(event.reason || (bare ? BARE_TRIES : Infinity))) location.reload()
      else closed(event, reject)
    }
  }
  for (const page of Bokeh.documents) {
    page.on_event("connection_lost", (_, event) => {
      const connection = event.connection.deref()
      if (connection && connection !== known) adopt(connection)
      line.textContent = `${told || "The connection to the server is lost."} Trying again; your settings stay in the address.`
      document.body.append(line)
      store.lost()
    })
    page.on_event("client_reconnected", () => {
      refused = 0
      told = ""
      line.remove()
      store.found()
    })
  }
}

// ---------------------------------------------------------------- the page around

/** Follow the system's dark mode, and open on a phone with the plots in sight instead of the drawer. */
function adaptPage() {
  const page = Bokeh.documents.flatMap((d) => d.roots()).find((m) => m.class_name === "Page")
  if (!page) return
  if (matchMedia("(prefers-color-scheme: dark)").matches && !new URLSearchParams(location.search).has("theme"))
    page.data.dark_theme = true
  if (window.innerWidth < 900) page.data.sidebar_open = false
}

export function render({model, el}) {
  if (model.kind === "controls") whenStarted(storeOf(model.content.id), () => controls(model, el))
  else ({words, figures, tools, frame: adaptPage})[model.kind](model, el)
}
