/**
 * What the runtime logs, as lines on stderr: warnings and worse (with `--quiet` errors alone), or what `--log-level` says.
 *
 * A warning of the runtime about a server is shown only at a lower log level: the command's own failure says the same.
 * With `--json` each is an object of its own, so that stderr stays readable for programs.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { Shell } from "./Shell.ts"
import { eraseLine, printable, styleOf } from "./Style.ts"

/** The only logger of the program. */
export const layer = (json: boolean, isQuiet = false) =>
  Layer.unwrap(Effect.map(Shell, ({ stderr }) => {
    const { dim } = styleOf(stderr)
    // A line may meet one that says what is waited for.
    const start = stderr.isTerminal ? eraseLine : ""
    const logger = Logger.make(({ cause, logLevel, message }) => {
      const parts = Array.isArray(message) ? message : [message]
      const words = parts.map((part) => typeof part === "string" ? part : Formatter.format(part))
      if (cause.reasons.length > 0) words.push(Cause.pretty(cause))
      const level = logLevel.toLowerCase()
      const text = words.join(" ")
      return json
        ? JSON.stringify({ log: { level, message: text } })
        : `${start}${dim(`holdfast: ${level}:`)} ${printable(text)}`
    })
    const shown = Logger.withConsoleError(logger)
    const wanted = Logger.make<unknown, void>((options) => {
      if (!isSaidElsewhere(options.fiber)) shown.log(options)
    })
    return Layer.merge(
      Logger.layer([wanted]),
      Layer.succeed(References.MinimumLogLevel, isQuiet ? "Error" : "Warn")
    )
  }))

/** The annotation with which `@holdfast/mcp` marks what it says of a server's connection. */
const connection = "holdfast.server"

const isSaidElsewhere = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  connection in fiber.getRef(References.CurrentLogAnnotations) &&
  LogLevel.isGreaterThanOrEqualTo(fiber.getRef(References.MinimumLogLevel), "Warn")
