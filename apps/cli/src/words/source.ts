/** Flags of all words that speak with servers: which server, where no config names it, and how it is reached. */
import * as Flag from "effect/cli/Flag"

export const source = {
  stdio: Flag.String("stdio").pipe(
    Flag.withMetavar("command"),
    Flag.withDescription("A server without a config: its command, quoted as for a shell. No server is named then"),
    Flag.optional
  ),
  url: Flag.String("url").pipe(
    Flag.withMetavar("url"),
    Flag.withDescription("The same for a server behind a url"),
    Flag.optional
  ),
  header: Flag.String("header").pipe(
    Flag.withAlias("H"),
    Flag.withMetavar("line"),
    Flag.withDescription("With --url: a header, \"Name: value\"; @file has one a line. May be repeated"),
    Flag.atLeast(0)
  ),
  "no-reuse": Flag.Boolean("no-reuse").pipe(
    Flag.withDescription("A process of the server for this call alone, which ends with it"),
    Flag.withDefault(false)
  )
}
