/** A server of the SDK's that answers as a test tells it, and what it answers with. */
import { Server, type ServerOptions } from "@modelcontextprotocol/sdk/server/index.js"
import type { ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import { z } from "zod"

export type Handle = NonNullable<Server["fallbackRequestHandler"]>
export type Extra = Parameters<Handle>[1]

/** A server that answers as it is told, and checks nothing. */
export const answering =
  (capabilities: ServerCapabilities, handle: Handle, options: ServerOptions = {}) => (): Server => {
    const server = new Server({ name: "bare", version: "1" }, { capabilities, ...options })
    server.fallbackRequestHandler = handle
    return server
  }

/** Asks the client, whatever is asked. */
export const ask = ({ sendRequest }: Extra, method: string, params: object = {}, signal?: AbortSignal) =>
  // No schema of the SDK's knows every question.
  sendRequest({ method, params } as never, z.looseObject({}), signal === undefined ? {} : { signal })

/** The result of a tool that says something. */
export const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })

/** How a server names itself in its results. */
export const infoOf = (name: string) => ({ "io.modelcontextprotocol/serverInfo": { name, version: "1" } })
