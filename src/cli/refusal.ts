/** Why a command can't do what it was asked for, in words for the terminal. */
export class Refusal extends Error {}
