/**
 * `text.charCodeAt(at)`, always at full speed. V8 stops inlining the method in the whole process once
 * any library has defined a class that extends String, as ioredis 6 does, and hashing is then four
 * times slower; taken out of its prototype it stays fast.
 */
export const charCodeAt: (text: string, at: number) => number = Function.prototype.call.bind(
  String.prototype.charCodeAt,
);
