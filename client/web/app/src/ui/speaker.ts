/** Whether pages may choose where sound comes out (Audio Output Devices API). */
export function canChooseSpeaker(): boolean {
  return 'setSinkId' in HTMLMediaElement.prototype;
}
