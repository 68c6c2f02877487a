/** 256 short, friendly words that are hard to mishear: one byte of randomness each. */
export const WORDS: readonly string[] = `
  acorn alder amber anchor apple apron arbor arrow aspen aster atlas autumn badge bagel baker bamboo banjo
  barley basil beach beacon beaver berry bison blanket bloom blossom bonnet branch brass bread breeze brick
  bridge bright brook bubble bucket butter button cabin cactus camel candle canvas carrot castle cedar cello
  cherry chess chimney cider cinnamon circle citrus clay cliff cloud clover cobalt cocoa comet copper coral
  cotton cradle crane crayon cricket crystal dawn denim desert dolphin dragon drum dune eagle early easel echo
  elder ember emerald engine fabric falcon fan feather fern fiddle field fig finch flint flute forest fossil
  fountain fox frost galaxy garden garnet gentle ginger glass globe golden grape grove guitar gull hammer
  harbor harp harvest hazel heron hill holly honey horizon ibis indigo iris island ivory ivy jade jasmine
  jigsaw jungle juniper kayak kettle kite kiwi koala lagoon lantern larch laurel lemon lilac lily linen lotus
  lunar magnet mango maple marble meadow melon mint mitten moon mosaic moss mountain nectar noodle north
  nutmeg oak oasis oat ocean olive onion opal orange orbit orchid otter owl oyster paddle paper parade peach
  pearl pebble pelican pepper petal piano pigeon pillow pine planet plum pollen pond poplar poppy prairie
  pumpkin puzzle quartz quiet quill rabbit radish rain raven ribbon river robin rocket rose saddle saffron
  sail salmon sandal sapphire seal sesame shell sky snow sparrow spice spring spruce squirrel stone summer
  sunny swan tea temple thimble thunder tiger topaz trail tulip turtle valley velvet violet walnut water whale
  wheat willow window winter wolf wood wren zebra
`
  .trim()
  .split(/\s+/);
