/** Prints how many of the planted secrets are found: `node apps/scan-server/test/score.ts`. */
import * as Effect from "effect/Effect"
import { find } from "./support/matching.ts"
import { first, type Plant, second } from "./support/SecretCorpus.ts"

const score = (name: string, plants: ReadonlyArray<Plant>) =>
  Effect.gen(function*() {
    const isFound = ({ file, secret, text }: Plant) =>
      Effect.map(find(text, { path: file }), ({ found }) => {
        const line = text.slice(0, text.indexOf(secret)).split("\n").length
        return found.some((one) => one.line === line)
      })
    const found = yield* Effect.filter(plants, isFound)
    const missed = plants.filter((one) => !found.includes(one)).map(({ id }) => id)
    console.log(
      `${name}: ${found.length} of ${plants.length}${missed.length === 0 ? "" : `, without ${missed.join(", ")}`}`
    )
  })

await Effect.runPromise(Effect.andThen(
  score("the half that rules are written against", first),
  score("the half that they are judged by", second)
))
