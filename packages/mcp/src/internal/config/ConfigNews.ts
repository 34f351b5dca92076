/**
 * The news of a config, told once each: parts of it that are not understood, and names in its tool lists that no tool bears.
 */
import * as Effect from "effect/Effect"
import * as ToolFilter from "../../ToolFilter.ts"
import type { PooledServer } from "../pool/PooledServer.ts"

export class ConfigNews {
  readonly #told = new Set<string>()

  tell(news: ReadonlyArray<{ readonly message: string }>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const fresh = news.filter(({ message }) => !this.#told.has(message))
      for (const { message } of fresh) this.#told.add(message)
      return Effect.forEach(fresh, ({ message }) => Effect.logWarning(message), { discard: true })
    })
  }

  static ofMissing(
    { label, tools: filter }: PooledServer,
    tools: ReadonlyArray<{ readonly name: string }>
  ): ReadonlyArray<{ readonly message: string }> {
    return ToolFilter.missing(filter, tools).map(({ name, said }) => ({
      message: `${said}: ${label} has no tool ${JSON.stringify(name)}`
    }))
  }
}
