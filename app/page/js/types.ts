// What a page and its server say to each other, and what the parts of one page share. For the check of types alone:
// no browser gets this file. `@bokehjs` are the declarations that come with the bokeh package.

import type {Document} from "@bokehjs/document"
import type * as embed from "@bokehjs/embed"
import type {DataSource} from "@bokehjs/models/sources"
import type {Figure} from "@bokehjs/models/plots"
import type {LegendItem} from "@bokehjs/models/annotations/legend_item"

declare global {
  const Bokeh: {
    documents: Document[]
    embed: typeof embed
    require(name: "core/dom"): typeof import("@bokehjs/core/dom")
    require(name: "core/visuals/visual"): typeof import("@bokehjs/core/visuals/visual")
    require(name: "document"): typeof import("@bokehjs/document")
    require(name: "models/annotations/legend"): typeof import("@bokehjs/models/annotations/legend")
    require(name: "models/plots/figure"): typeof import("@bokehjs/models/plots/figure")
    require(name: "core/util/ndarray"): typeof import("@bokehjs/core/util/ndarray")
  }
  // What worklet.js runs in, which TypeScript's declarations of browsers lack.
  const sampleRate: number
  class AudioWorkletProcessor {
    readonly port: MessagePort
  }
  function registerProcessor(name: string, processor: unknown): void
}

export type Value = number | string | boolean
export type Values = Record<string, Value>

/** One control, as `Field.schema` describes it. */
export type Entry = NumberEntry | ChoiceEntry | FlagEntry | TextEntry

interface AnyEntry {
  key: string
  label: string
  help: string
  /** The control is shown while each of these other settings has one of these values. */
  when?: Record<string, Value[]> | null
}

export interface NumberEntry extends AnyEntry {
  kind: "number"
  default: number
  min: number
  max: number
  step: number
  scale: "linear" | "log"
  unit: string
}

export interface ChoiceEntry extends AnyEntry {
  kind: "choice"
  default: Value
  /** Value and name of each option. */
  options: [Value, string][]
}

export interface FlagEntry extends AnyEntry {
  kind: "flag"
  default: boolean
}

export interface TextEntry extends AnyEntry {
  kind: "text"
  default: string
}

/**
 * Messages of the page; `app.server.messages` lets no others pass.
 *
 * - set, point: controls that were moved, or a place of a figure, in its axes' units, that is looked at closer; answered
 *   by an update with the same number. A drag is one `step` of undo.
 * - hide: the controls that a teacher hides, these and no others.
 * - lesson: one to open; "" leaves the present one. make: one in YAML (JSON is some) to open; `keep`: it starts from
 *   what the page shows, whatever it says.
 * - open: another address of the same page, by its query: where the browser's Back and Forward lead.
 * - sure: what was chosen when the page asked; "" where all is to stay.
 * - qr: a link whose code is wanted. work: a button of what takes time. code: whether the code is unfolded.
 * - live: whether live sound is played; its numbers then travel with every update that changes them.
 * - sound, hear, export: a sound to play, as it is or as the lab's other ear hears it; a file to keep.
 * - upload: a piece of a dropped file, in base 64; the next one is sent when it is asked for.
 * - hello: the page's wish for all that there is.
 */
export type Message =
  | {type: "set", values: Values, sequence: number, step: number}
  | {type: "point", figure: string, x: number, y: number, sequence: number, step: number}
  | {type: "hide", keys: string[]}
  | {type: "lesson", slug: string}
  | {type: "open", link: string}
  | {type: "sure", do: string}
  | {type: "make", text: string, keep: boolean}
  | {type: "qr", text: string}
  | {type: "work", do: string}
  | {type: "code", open: boolean}
  | {type: "live", on: boolean}
  | {type: "sound" | "hear" | "export", key: string}
  | {type: "upload", id: string, name: string, size: number, start: number, data: string}
  | {type: "hello" | "reset" | "pin" | "unpin" | "swap" | "fit" | "undo" | "redo"}

/**
 * Messages of the server: what has changed; a WAV file to play and a file to keep, in base 64; why there is none, or no
 * code; a lesson that was opened, with the file that holds it and by how many characters its link is longer than links
 * may be, or what is wrong with it; the QR code of a text, rows of "0" and "1"; that the next piece of a file may come;
 * that it is there, or why it was not taken.
 */
export type Answer =
  | Update
  | {type: "sound", title: string, data: string}
  | {type: "file", name: string, mime: string, data: string}
  | {type: "failed", text: string}
  | {type: "made", problem: string, slug: string, entry: Record<string, any>, file: string, too_long: number}
  | {type: "code", rows: string[], text: string}
  | {type: "upload-more", id: string}
  | {type: "upload-done" | "upload-failed", id: string, text: string}

/** What has changed, all of it together. */
export interface Update {
  type: "update"
  ask?: Question
  /** The address that the page had asked for. */
  opened?: string
  /** Number of the newest question that this answers. */
  answered?: number
  values?: Values
  controls?: ControlsState
  words?: WordsContent
  tools?: ToolsContent
  scene?: Scene
  /** What a network's live sound is made from, packed as a scene is. */
  live?: Scene
  /** The query of the page's address, without the question mark. */
  link?: string
}

/** What a person must be sure of before it is done. */
export interface Question {
  text: string
  /** What to do, and the label of its button. */
  choices: [string, string][]
}

/** What the parts of a page receive; `frame`, `corner` and `views` come from other parts of the same page. */
export interface Receivers {
  ask?: (fresh: Question) => void
  values?: (fresh: Values) => void
  controls?: (fresh: ControlsState) => void
  words?: (fresh: WordsContent) => void
  tools?: (fresh: ToolsContent) => void
  scene?: (fresh: Scene) => void
  live?: (fresh: Scene) => void
  link?: (fresh: string) => void
  frame?: () => void
  corner?: () => void
  /** The connection to the server has broken. */
  lost?: () => void
  views?: () => void
  code?: (answer: Extract<Answer, {type: "code" | "failed"}>) => void
}

export interface ControlsState {
  /** Slug of the lesson, or nothing; and its title where it is none of the lab's. */
  lesson: string
  made: string
  /** Keys of the controls that students do not see. */
  hide: string[]
  /** Whether there is a step to take back, and one to take again. */
  undo: boolean
  redo: boolean
  /** Whether leaving the page loses what took long to make. */
  unsaved: boolean
  /** The query that takes the audiogram to another lab. */
  carried: string
}

export interface WordsContent {
  /** That the lab is about. */
  question: string
  summary: string
  problem: string
  notes: string[]
  story: Story | null
  readings: Reading[]
  done: boolean
  /** Controls that stand under the words. */
  quick: Entry[]
}

/** What a task asks for, and how far it is. */
export interface Reading {
  label: string
  now: string
  wanted: string
  met: boolean
}

export interface Story {
  slug: string
  /** Its number, and how many there are. */
  place: number[]
  /** The figure in question, which is drawn larger than the others. */
  figure: string
  title: string
  text: string
  questions: [string, string][]
  task: string
  done: string
  /** Slug and title of the lesson after this one. */
  next: [string, string] | null
}

export interface ToolsContent {
  /** Of the lab. */
  title: string
  /** Name of the files, without an ending. */
  file: string
  /** Key, label and help of each. */
  sounds: [string, string, string][]
  exports: [string, string, string][]
  compares: boolean
  fits: boolean
  pinned: boolean
  /** How loud things are played. */
  levels: string
  /** Keys of the sounds that there are not in the present state. */
  silent: string[]
  code: string
  work: Work | null
  /** What the section of live sound is drawn from, where the lab has one. */
  live: LiveTools | null
  table: Table | null
}

export interface LiveTools {
  /** Sampling rate of the network, Hz. */
  fs: number
  /** The setting that says what is sent through the network. */
  source: ChoiceEntry
  /** Whether the server allows a microphone. */
  microphone: boolean
}

/** A network as `FDNBuild` holds it, rows one after the other; filters and modulation are empty where there are none. */
export interface NetworkNumbers {
  A: Float64Array
  B: Float64Array
  C: Float64Array
  D: Float64Array
  delays: Int32Array
  /** By how many samples the lines hear the input later, one number. */
  pre_delay: Int32Array
  filters: Float64Array
  post_matrix: Float64Array
  post_eq: Float64Array
  /** Depths in rad, rates in turns a sample, and phases in rad. */
  modulation: Float64Array
}

/** What live sound is made from. */
export interface LiveNumbers {
  start: NetworkNumbers
  now: NetworkNumbers
  /** Energy and peak of the response before training, which set the level of all. */
  response: {energy: number, peak: number}
  /** Response of the room, empty where there is none. */
  room: {samples: Float32Array<ArrayBuffer>}
  sound: {samples: Float32Array<ArrayBuffer>}
}

/** New settings of the mixer of live sound; those left out stay. */
export interface MixerSettings {
  networks?: Partial<Record<"start" | "now", NetworkNumbers>>
  choice?: string
  /** 0 to 1. */
  wet?: number
  /** Of networks and room. */
  gain?: number
  /** Whether anything is heard. */
  open?: boolean
}

/** A table of words under the figures. */
export interface Table {
  title: string
  head: string[]
  rows: string[][]
  /** What the button says that empties it. */
  clear: string
}

export interface Work {
  /** Action and label of each button. */
  buttons: [string, string][]
  running: boolean
  /** 0 to 1. */
  share: number
  /** In seconds. */
  left: number | null
  text: string
}

/** Where an array stands in the bytes of a scene. */
export interface PackedArray {
  dtype: "uint8" | "int32" | "float32" | "float64"
  shape: number[]
  from: number
  to: number
}

/** What the figures show: properties by model, limits by axis, columns and films by data source. */
export interface Scene {
  set: Record<string, Record<string, unknown>>
  limits: Record<string, [number, number]>
  data: Record<string, Record<string, unknown>>
  films?: Record<string, Frames>
  bytes?: Uint8Array
}

/** The frames of a film: rows of steps between two values, for one column of its source. */
export interface Frames {
  column: string
  /** Time of the first frame, and from one to the next, s. */
  start: number
  step: number
  packed: Uint8Array & {shape: [number, number]}
  low: number
  high: number
  /** Of a picture: which of a moment's columns each column shows, none below 0; and the moment that is drawn in silence. */
  columns?: Int32Array
  still?: number
}

/** A picture that goes along with sounds. */
export interface MomentsContent {
  source: string
  sounds: string[]
}

/** A film that can be played, as `app.figures.film` describes it. */
export interface FilmContent {
  source: string
  called: string
  /** Key of the setting that shows its figure, and the values that show and hide it. */
  switch: [string, string, string]
  slower: number[]
}

/** How figures are laid out and painted together. */
export interface Rounds {
  /** Lay out what is due, and paint it. */
  now(): void
  /** Lay out what is due, and paint nothing yet. */
  settle(): void
  /** Do all of it at the next frame at the latest. */
  soon(): void
  /** Note that the room of all figures may have changed. */
  resized(): void
  /** Run before anything is laid out, such as what gives the figures their sizes. */
  beforeLayout: Set<() => void>
  /** Run after each layout: what they change is laid out in the same frame. */
  afterLayout: Set<() => void>
  /** Run when all is in its place and nothing is painted yet. */
  beforePaint: Set<() => void>
}

/** BokehJS's `ndarray`, as far as scenes need it. */
export type MakeArray = (init: ArrayBuffer | ArrayLike<number>, form: {dtype: PackedArray["dtype"], shape: number[]}) => unknown

export type LegendItems = (LegendItem & {renderers: {data_source: DataSource}[]})[]

export interface Point {
  figure: string
  x: number
  y: number
}

export interface EngineContent {
  values: Values
  link: string
  /** Whether the page has an address of its own, which a cell of a notebook has not. */
  permalink: boolean
  frame: ControlsState
}

export interface ControlsContent {
  id: string
  sections: {title: string, open: boolean, controls: Entry[]}[]
  /** Slug and title of each lesson. */
  lessons: [string, string][]
  vocabulary: Vocabulary
  upload: UploadBox | null
}

/** What a lesson of the lab can name. */
export interface Vocabulary {
  /** Name, words and unit of each. */
  measures: [string, string, string][]
  figures: string[]
  /** Key and label of each. */
  sounds: [string, string][]
}

export interface UploadBox {
  /** Name of the file that the page's link goes with, nothing where it is unknown; null where it goes with none. */
  awaited: string | null
  bytes: number
  /** Whether the whole page takes a dropped file. */
  page: boolean
  /** Title of the section of controls where the box stands. */
  section: string
  words: string
}

export interface BarContent {
  /** Of the page whose lab is shown; nothing on the landing page. */
  id: string
  /** Slug of that lab. */
  here: string
  /** Address and title of each lab, and of the listening test where there is one. */
  labs: [string, string][]
  /** Addresses of the labs that can hear with another ear. */
  ears: string[]
}

export interface MainContent {
  id: string
  figures: FiguresContent
  words: WordsContent
  tools: ToolsContent
}

export interface FiguresContent {
  /** A Bokeh document as JSON, one root a figure. */
  template: string
  /** CSS of the grid that the figures stand in. */
  grid: string
  pointable: string[]
  films: FilmContent[]
  moments: MomentsContent[]
  /** What each figure's axes measure. */
  axes: Record<string, FigureAxes>
  late: boolean
  scene: Scene
  engine: EngineContent
}

export interface AxisContent {
  label: string
  unit: string
  scale: "linear" | "log" | "erb" | "place" | "modulation" | "names"
}

export interface FigureAxes {
  x: AxisContent
  y: AxisContent
  /** Data source and unit of each layer of coloured cells. */
  cells: {source: string, unit: string}[]
  /** Keys of the sounds whose time the x axis is. */
  sounds: string[]
  /** How far a second reaches on it. */
  perSecond: number
}

export interface Colors {
  ink: string
  paper: string
  faint: string
}

/** One part of a page, as Panel hands it to `render`. */
export interface Part<Content> {
  kind: string
  content: Content
  send_msg(message: Message): void
  on(event: "msg:custom", callback: (message: Answer) => void): void
}

/** What the parts of one page share. */
export interface Store {
  id: string
  values: Values
  frame: ControlsState
  hidden: Set<string>
  permalink: boolean
  /** Whether a lesson is being made. */
  editing: boolean
  /** Whether a question waits for its answer. */
  asking: boolean
  /** Whether a dropped file does not survive a reload. */
  fileAtRisk: boolean
  /** Whether each control says what it does. */
  explaining: boolean
  /** Called with the keys that moved; with none of them where only what is shown changed. */
  watchers: Set<(moved?: Set<string>) => void>
  /** Told, whenever the playhead moves, the key of the sound and the place that is heard, s. */
  followers: Set<(key: string, at: number) => void>
  receivers: Receivers
  /** What runs when the engine starts; null afterwards. */
  starting: (() => void)[] | null
  /** The corner of the figures where the player stands. */
  corner: HTMLElement | null
  /** The place of the lesson's card in the drawer, once that is drawn. */
  drawer: HTMLElement | null
  /** What has the focus after the controls are skipped. */
  skipTo: HTMLElement | null
  /** The views of the figures, and what their axes measure, once they stand. */
  views: FigureView[]
  axes: Record<string, FigureAxes>
  showComputing(is: boolean): void
  /** Paint the figures in other colours than those of the page, or in these again. */
  repaint(colors: Colors | null): void
  /** Title of the lab, and the lesson that is open. */
  title: string
  story: Story | null
  engine: Engine | null
  /** Whether the figures are presented to a room. */
  presenting: boolean
  present(is: boolean): void
  /** Name of the figure that the open lesson is about, or "". */
  leading: string
  /** Say something over the figures for a while; "" takes it back. */
  say(text: string, isProblem?: boolean): void
  /** Ends what sounds on the page, or sounded last. */
  silence: (() => void) | null
  /** Show what the server has to say of the present state, until that changes. */
  complain(problem: string, notes: string[]): void
}

/** The places of the main part. */
export interface Places {
  head: HTMLElement
  /** The lesson's. */
  card: HTMLElement
  /** Of the controls that are at hand on a phone, and presented. */
  quick: HTMLElement
  figures: HTMLElement
  tools: HTMLElement
}

/** A view of a figure, as far as the page needs one. */
export interface FigureView {
  el: HTMLElement
  model: Figure
  /** Where the figure draws, px from its upper left corner, and what maps its axes there. */
  frame: {
    bbox: {left: number, right: number, top: number, bottom: number, height: number}
    x_scale: Scale
    y_scale: Scale
  }
  /** Views of what is drawn in it. */
  renderer_views: Map<unknown, {model: {type: string}}>
  /** Give its parts their places anew. */
  invalidate_layout(): void
  request_repaint(): void
  export(type: "png", hidpi: boolean): {canvas: HTMLCanvasElement}
  export(type: "svg"): {ctx: {get_serialized_svg(fix_named_entities: boolean): string}}
}

/** A view of a legend, as far as files need one. */
export interface LegendView {
  model: {type: string, glyph_width: number, glyph_height: number, label_text_color: string}
  entries: {
    glyph: {canvas: Element}
    item: {visible: boolean, index: number | null, renderers: unknown[], get_field_from_label_prop(): string | null}
    label: unknown
    label_el: HTMLElement
  }[]
  plot_view: {views: {find_one(renderer: unknown): {draw_legend(...at: unknown[]): void} | null}}
  _draw_legend_items?: (this: LegendView, context: CanvasRenderingContext2D, canvas: {left: number, top: number}) => void
}

interface Scale {
  compute(value: number): number
  invert(px: number): number
}

export interface Engine {
  /** Change a setting. */
  set(key: string, value: Value): void
  /** Look at a place of a figure. */
  point(place: Point): void
  /** Send what a button says, after whatever was moved before it. */
  ask(message: Message): void
  hide(key: string, hidden: boolean): void
  receive(update: Update): void
  /** The picture of the question with this number is drawn. */
  drawn(answered: number): void
  lost(): void
  found(): void
  /** Path and query of the present state. */
  address(): string
}

// ---------------------------------------------------------------- the listening test (app/listen/desk.py)

/** An experiment as it is offered. */
export interface Offer {
  link: string
  name: string
  title: string
  asks: string
  instruction: string
  question: string
  intervals: number
  minutes: number
  variable: [string, string]
  settings: OfferSetting[]
  /** What may be on or off: its name in a link, its label, and whether it is on. */
  flags: [string, string, boolean][]
  repeat: boolean
  headphones: boolean
}

export interface OfferSetting {
  key: string
  label: string
  value: number | string
  choices?: string[]
  low?: number
  high?: number
  unit?: string
  whole?: boolean
}

/** Where a run is, or a check of headphones. */
export interface RunState {
  run: string
  link: string
  room: string
  number: number
  left: number
  unit: string
  finished: boolean
  practised: number
  heard: number
  track: [number, boolean, boolean][]
  of?: number
  right?: number
  passed?: boolean
}

/** What is told of an answer: nothing without feedback. */
export interface Told {
  right?: boolean
  target?: number
}

export interface RunReport {
  thresholds: [string, string, string][]
  known: string
  sentences: string[]
  track: string
  functions: string
  table: string
  waiting: boolean
  room: string
}

/** A lesson in the list, and before it is taken. */
export interface LessonCard {
  slug: string
  title: string
  question: string
  minutes: number
}

export interface ListenLesson extends LessonCard {
  text: string
  ask: string
  choices: string[]
  parts: string[]
}

/** What a lesson comes to. */
export interface LessonReport extends ListenLesson {
  predicted: string
  heads: string[]
  rows: string[][]
  picture: string
  sentences: string[]
  known: string
  answer: string
  look: string
  lab: string
  waiting: boolean
}

export interface RoomState {
  room: string
  count: number
  /** How often each choice of a lesson was predicted. */
  predictions: [string, number][]
  conditions: {link: string, name: string, count: number, says: string, picture: string}[]
}

/** A trial as it is played. */
export interface TrialSound {
  fs: number
  gain: number
  begins: number[]
  length: number
  channels: Float32Array<ArrayBuffer>[]
}

/** What every screen of the listening test may use. */
export interface ListenPage {
  main: HTMLElement
  room: string
  key: string
  offers: Offer[]
  lessons: LessonCard[]
  /** The lesson of the address; its parts are `chosen`. */
  lesson: ListenLesson | null
  chosen: Offer[]
  /** Replace the screen; its heading gets the focus. */
  show(...children: (Node | string | null | false)[]): void
  say(text: string): void
  /** Show an experiment before it is taken. */
  intro(offer: Offer): void
  /** Go on after the last trial of a run. */
  finished(offer: Offer, state: RunState): Promise<void>
  /** What keys do on this screen, by their names. */
  keys: Record<string, () => void>
  /** What happens when the page is out of sight. */
  hidden: () => void
  /** Ask before the page is left. */
  busy: boolean
  remember(part: Record<string, string>): void
  /** What the address keeps behind its number sign: never sent to a server. */
  remembered(): Record<string, string>
}
