/**
 * A question of a server (elicitation) as a form on a terminal: a line for each field, read by its schema, asked again until it fits.
 *
 * Lines and not a screen: so it works on any terminal, for screen readers, and in what a terminal has recorded. An empty line takes the default, or
 * leaves out what may be left out. `.decline` says no, `.cancel` or the end of the input (Ctrl-D) says nothing.
 */
import { InputSchema } from "@holdfast/daemon/InputSchema"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { Shell } from "./Shell.ts"
import { printable, styleOf } from "./Style.ts"
import { firstLine, table } from "./Table.ts"

export type Question =
  | { readonly mode: "form"; readonly message: string; readonly schema: unknown }
  | { readonly mode: "url"; readonly message: string; readonly url: string }

/** What the server is answered. */
export type Answer =
  | { readonly action: "accept"; readonly content?: Readonly<Record<string, unknown>> }
  | { readonly action: "decline" | "cancel" }

/** The parameters of `elicitation/create`, as far as they can be read. */
export const read = (params: unknown): Question => {
  const { message, mode, requestedSchema, url } = membersOf(params)
  const text = typeof message === "string" ? message : ""
  return mode === "url" ? { mode, message: text, url: typeof url === "string" ? url : "" } : {
    mode: "form",
    message: text,
    schema: requestedSchema
  }
}

/** As the daemon and `--json` have it. */
export const toJson = (question: Question): object =>
  question.mode === "url" ? question : {
    mode: question.mode,
    message: question.message,
    requestedSchema: question.schema
  }

/** The fields that an answer must have. */
export const requiredOf = (question: Question): ReadonlyArray<string> =>
  question.mode === "url"
    ? []
    : new InputSchema(question.schema).arguments.filter(({ isRequired }) => isRequired).map(({ name }) => name)

/** The fields as a table, for a question that is not asked here. */
export const describe = (question: Question): ReadonlyArray<string> => {
  if (question.mode === "url") return []
  const { arguments: fields } = new InputSchema(question.schema)
  if (fields.length === 0) return []
  return [table(
    fields.map(({ description, isRequired, name, type }) => [name, type, isRequired ? "required" : "", description]),
    { indent: "  " }
  )]
}

/** Asks the person at the terminal. `what` asks. */
export const ask = Effect.fnUntraced(
  function*(question: Question, what: string): Effect.fn.Return<Answer, never, Shell> {
    const { stderr } = yield* Shell
    const { bold, dim } = styleOf(stderr)
    const say = (...lines: ReadonlyArray<string>) => stderr.write(lines.map((line) => `${line}\n`).join(""))
    yield* say(`${bold(`${printable(what)} asks:`)} ${printable(question.message).trim()}`)
    if (question.mode === "url") {
      // The whole of it, so that a person sees where it leads.
      yield* say(`  ${printable(question.url)}`, `  ${dim(`${hostOf(question.url)}. Nothing is opened for you.`)}`)
      const said = yield* line("Go there, then press Enter (.decline, .cancel): ")
      return typeof said === "string" ? { action: "accept" } : said
    }
    const schema = new InputSchema(question.schema)
    if (schema.arguments.length === 0) {
      for (;;) {
        const said = yield* line("Accept? (yes, no) ")
        if (typeof said !== "string") return said
        const isYes = yesOrNo(said)
        if (isYes !== undefined) return isYes ? { action: "accept", content: {} } : { action: "decline" }
      }
    }
    yield* say(
      dim("  An empty line takes the default, or leaves out what is not required; .decline and .cancel answer so.")
    )
    const { make } = yield* Effect.promise(() => import("./ArgumentJudge.ts"))
    const content = new Map<string, unknown>()
    for (const { description, isRequired, name, schemas, type } of schema.arguments) {
      const [own] = schemas
      const field = fieldOf(own, type)
      const title = field.title === undefined || field.title === name ? "" : ` (${field.title})`
      yield* say(
        `${bold(printable(name))}${printable(title)}${isRequired ? "" : dim(", optional")}${
          description === "" ? "" : `: ${printable(description)}`
        }`,
        ...field.choices.map(({ label, value }, index) =>
          `  ${index + 1}) ${firstLine(String(value))}${label === undefined ? "" : `, ${firstLine(label)}`}`
        )
      )
      const judge = make({ type: "object", properties: { [name]: own ?? {} } })
      for (;;) {
        const said = yield* line(`  ${field.hint}> `)
        if (typeof said !== "string") return said
        if (said.trim() === "") {
          if (field.fallback !== undefined) content.set(name, field.fallback)
          else if (isRequired) {
            yield* say("  a value is required")
            continue
          }
          break
        }
        const problems: Array<string> = []
        for (const value of field.read(said, schema.readings(schemas, said))) {
          const faults = Result.isSuccess(judge) ? judge.success({ [name]: value }) : []
          const wrong = formatFault(own, value)
          problems.push(...faults.map(({ problem }) => problem), ...(wrong === undefined ? [] : [wrong]))
          if (faults.length > 0 || wrong !== undefined) continue
          problems.length = 0
          content.set(name, value)
          break
        }
        if (problems.length === 0) break
        yield* say(`  ${printable([...new Set(problems)].join("; "))}`)
      }
    }
    return { action: "accept", content: Object.fromEntries(content) }
  }
)

/** A line that was typed, or the answer that ends the form. */
const line = (prompt: string): Effect.Effect<string | Answer, never, Shell> =>
  Effect.flatMap(Shell, ({ ask = () => Effect.succeedNone, stderr }) =>
    Effect.flatMap(ask(prompt), (said) => {
      if (Option.isNone(said)) return Effect.as(stderr.write("\n"), { action: "cancel" })
      const word = said.value.trim()
      return Effect.succeed(
        word === ".decline" ? { action: "decline" } : word === ".cancel" ? { action: "cancel" } : said.value
      )
    }))

interface Field {
  readonly title: string | undefined
  /** What may be typed, in short. */
  readonly hint: string
  readonly choices: ReadonlyArray<{ readonly value: unknown; readonly label: string | undefined }>
  readonly fallback: unknown
  /** What a line means, given how its type would read it. */
  readonly read: (said: string, readings: ReadonlyArray<unknown>) => ReadonlyArray<unknown>
}

const fieldOf = (schema: unknown, type: string): Field => {
  const { default: fallback, items, title, type: own } = membersOf(schema)
  const isList = own === "array"
  const choices = choicesIn(isList ? items : schema)
  /** By its number, its value or its name. */
  const choice = (said: string): unknown => {
    const word = said.trim()
    const found = choices.find(({ label, value }) => String(value) === word || label === word) ??
      choices[/^\d+$/.test(word) ? Number(word) - 1 : -1]
    return found === undefined ? word : found.value
  }
  const kind = choices.length > 0 ? isList ? "numbers, with commas" : `1 to ${choices.length}` : isList
    ? "with commas"
    : own === "boolean"
    ? "yes, no"
    : type
  return {
    title: typeof title === "string" ? title : undefined,
    hint: fallback === undefined ? `[${kind}] ` : `[${kind}; default ${firstLine(JSON.stringify(fallback), 40)}] `,
    choices,
    fallback,
    read: (said, readings) => {
      if (isList && !said.trimStart().startsWith("[")) return [said.split(",").map((each) => choice(each))]
      if (choices.length > 0) return [choice(said)]
      const isYes = own === "boolean" ? yesOrNo(said) : undefined
      return isYes === undefined ? readings : [isYes]
    }
  }
}

const choicesIn = (schema: unknown): Field["choices"] => {
  const { anyOf, enum: values, enumNames, oneOf } = membersOf(schema)
  if (Array.isArray(values)) {
    const labels: ReadonlyArray<unknown> = Array.isArray(enumNames) ? enumNames : []
    return values.map((value: unknown, index) => ({ value, label: labelOf(labels[index]) }))
  }
  const options = [oneOf, anyOf].find(Array.isArray) ?? []
  return options.flatMap((option: unknown) => {
    const { const: value, title } = membersOf(option)
    return value === undefined ? [] : [{ value, label: labelOf(title) }]
  })
}

const labelOf = (label: unknown): string | undefined => typeof label === "string" ? label : undefined

const yesOrNo = (said: string): boolean | undefined => {
  const word = said.trim().toLowerCase()
  return ["y", "yes", "true", "1"].includes(word) ? true : ["n", "no", "false", "0"].includes(word) ? false : undefined
}

/** The formats that questions may have; the protocol knows four. */
const formatFault = (schema: unknown, value: unknown): string | undefined => {
  const { format } = membersOf(schema)
  if (typeof value !== "string" || typeof format !== "string") return undefined
  const isOf = formats.get(format)
  return isOf === undefined || isOf(value) ? undefined : `must be ${formatNames.get(format) ?? format}`
}

const formats: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ["email", (text) => /^[^\s@]+@[^\s@]+$/.test(text)],
  ["uri", (text) => /^[a-z][a-z\d+.-]*:/i.test(text) && URL.canParse(text)],
  ["date", (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isDay(text)],
  [
    "date-time",
    (text) =>
      /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text) &&
      isDay(text.slice(0, 10))
  ]
])

const formatNames: ReadonlyMap<string, string> = new Map([
  ["email", "an email address"],
  ["uri", "a uri such as https://example.org"],
  ["date", "a date such as 2026-01-31"],
  ["date-time", "a time such as 2026-01-31T12:00:00Z"]
])

const isDay = (text: string): boolean => {
  const [year = 0, month = 0, day = 0] = text.split("-").map(Number)
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  return day >= 1 && day <= (days[month - 1] ?? 0)
}

const hostOf = (url: string): string => URL.canParse(url) ? new URL(url).host || "no host" : "this is no url"

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {}
