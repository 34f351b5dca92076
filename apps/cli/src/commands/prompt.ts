/**
 * `holdfast prompt <server> <name> key=value…`: a prompt with its arguments filled in, as text.
 */
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import { nearNames } from "@holdfast/mcp/NearNames"
import type * as Prompts from "@holdfast/protocol/Prompts"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure, type Problem } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { lostResult } from "../LostResult.ts"
import * as Questions from "../Questions.ts"
import * as Report from "../Report.ts"
import * as SaveOutput from "../SaveOutput.ts"
import * as ShowResult from "../ShowResult.ts"
import * as Source from "../Source.ts"
import { table } from "../Table.ts"
import * as ToolWords from "../ToolWords.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"

export interface PromptInput extends Source.SourceInput, Questions.QuestionsInput {
  readonly args: Option.Option<string>
  readonly deadline: Option.Option<Duration.Duration>
  readonly output: Option.Option<string>
  readonly words: ReadonlyArray<string>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: PromptInput) {
  const source = yield* Source.open(input, input.words[0])
  const { item: name, rest, server } = yield* Source.meant(source, input.words, {
    what: "prompt",
    usage: "holdfast prompt <server> <name> key=value…"
  })
  const given = yield* ToolWords.read({ words: rest, json: Option.getOrUndefined(input.args) })
  const target = yield* SaveOutput.prepare(input.output)
  const config = Source.only(source.config, [server])
  return yield* Effect.scoped(Effect.gen(function*() {
    const waiting = yield* Waiting.make
    const questions = yield* Questions.make(input, waiting, name)
    const asked = Effect.gen(function*() {
      const mcp = yield* McpConnections
      const deadline = Option.getOrUndefined(input.deadline)
      waiting.say(waitingFor([server], config))
      const [spent, prompts] = yield* Effect.timed(mcp.listPrompts(server, { deadline }))
      const values = yield* fit(server, name, prompts, given)
      waiting.say(`waiting for ${server}.${name}`)
      const left = deadline && Duration.max(Duration.subtract(deadline, spent), Duration.millis(1))
      return yield* questions.during(mcp.getPrompt(server, { name, arguments: values }, { deadline: left }))
    })
    return yield* waiting.until(asked).pipe(
      Effect.flatMap((result) => print(input, target, result)),
      Effect.as(ExitCode.ok),
      // Said while the server still lives: ending it may take seconds, and the user should not wait for them.
      Effect.catch((error) => Report.ending(error, input.json)),
      Effect.provide(Source.layer(input, { ...source, config }, questions.offered))
    )
  }))
})

const print = (
  { json }: PromptInput,
  target: SaveOutput.Target | undefined,
  result: Prompts.GetPromptResult
) => {
  const { messages } = result
  const blocks = messages.map(({ content }) => content)
  return ShowResult.show({
    blocks,
    textOf: (isLeft) => {
      const left = messages.filter(({ content }) => isLeft(content))
      const text = (content: Messages.ContentBlock) => ModelView.textOf({ content: [content] })
      return left.length === 1
        ? left.map(({ content }) => text(content)).join("")
        : left.map(({ content, role }) => `${role}:\n${text(content)}`).join("\n\n")
    },
    toJson: (all) => ({ ...result, messages: messages.map((message, index) => ({ ...message, content: all[index] })) })
  }, { json, target, lost: lostResult })
}

/** A prompt's arguments are texts. */
const fit = Effect.fnUntraced(function*(
  server: string,
  name: string,
  prompts: ReadonlyArray<Prompts.Prompt>,
  given: ToolWords.Given
) {
  const prompt = prompts.find((each) => each.name === name)
  if (prompt === undefined) return yield* unknown(server, name, prompts.map((each) => each.name))
  const { arguments: known = [] } = prompt
  const values = new Map<string, string>()
  for (const object of given.objects) for (const [key, value] of Object.entries(object)) values.set(key, textOf(value))
  const problems: Array<Problem> = []
  const said = new Set<string>()
  for (const word of given.words) {
    if (said.has(word.name)) problems.push({ path: word.name, problem: "is given more than once" })
    said.add(word.name)
    values.set(word.name, word._tag === "Text" ? word.text : textOf(word.value))
  }
  const names = known.map((each) => each.name)
  for (const key of values.keys()) {
    const near = nearNames(key, names)
    if (!names.includes(key)) {
      problems.push({
        path: key,
        problem: `is no argument${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : ""}`
      })
    }
  }
  for (const each of known) {
    if (each.required === true && !values.has(each.name)) problems.push({ path: each.name, problem: "is missing" })
  }
  if (problems.length === 0) return Object.fromEntries(values)
  const rows = known.map((each) => [each.name, each.required === true ? "required" : "", each.description ?? ""])
  return yield* new CliFailure({
    exitCode: ExitCode.usage,
    reason: "BadArguments",
    message: `${server}.${name}: the arguments do not fit`,
    problems,
    details: `\n${server}.${name} takes:\n${rows.length === 0 ? "  none" : table(rows, { indent: "  " })}`
  })
})

const unknown = (server: string, name: string, names: ReadonlyArray<string>) => {
  const near = nearNames(name, names)
  const hint = near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : names.length > 0
    ? `it has ${names.join(", ")}`
    : "it has no prompts"
  return new CliFailure({
    exitCode: ExitCode.usage,
    reason: "UnknownPrompt",
    message: `${server} has no prompt ${JSON.stringify(name)}; ${hint}`
  })
}

const textOf = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value)
