/** The Model Context Protocol on the wire. */
export * as JsonRpc from "./JsonRpc.ts"
export * as LineFraming from "./LineFraming.ts"
export * as Messages from "./Messages.ts"
export * as ModernEra from "./ModernEra.ts"
export * as Prompts from "./Prompts.ts"
export * as Resources from "./Resources.ts"
export * as Revision from "./Revision.ts"
export * as ServerSentEvents from "./ServerSentEvents.ts"
