import Datasets
import Testing

@Suite struct ScenesTests {
  static let scenes = Scenes(count: 1000, side: 48)

  @Test func sameIndexGivesSameBytesEverywhere() {
    let scenes = Scenes(count: 10)
    let samples = (0..<10).map { scenes.sample(at: $0) }
    // No library function and no fused product is involved, so these hold on every processor.
    #expect(checksum(samples.flatMap(\.image.pixels)) == 0x1E04_B7CF_6D03_7171)
    let labels = ["heart", "heart", "dome", "dome", "cross", "crescent", "square", "triangle", "cross", "arrow"]
    #expect(samples.map { scenes.classNames[$0.label] } == labels)
    #expect(scenes.sample(at: 7).image == samples[7].image)
  }

  @Test func seedsSplitsAndIndicesDiffer() {
    let first = Scenes(count: 4).sample(at: 0).image
    #expect(Scenes(count: 4).sample(at: 1).image != first)
    #expect(Scenes(count: 4, seed: 1).sample(at: 0).image != first)
    #expect(Scenes(count: 4, split: .evaluation).sample(at: 0).image != first)
    // How many there are changes none of them.
    #expect(Scenes(count: 1).sample(at: 0).image == first)
  }

  @Test func labelIsTheLargestAndForemostObject() {
    var seen = [Int](repeating: 0, count: Self.scenes.classNames.count)
    for index in 0..<400 {
      let scene = Self.scenes.scene(at: index)
      let areas = scene.objects.map { $0.visibleMask.count { $0 == 1 } }
      #expect(areas.max() == areas.last)
      #expect(scene.objects.last?.visibleMask == scene.objects.last?.mask)
      #expect(scene.objects.last?.label == scene.label)
      let sample = Self.scenes.sample(at: index)
      #expect(sample.label == scene.label && sample.image == scene.image)
      seen[scene.label] += 1
    }
    #expect(seen.allSatisfy { $0 >= 20 }, "every class is common: \(seen)")
  }

  @Test func masksBoxesAndMapsAgree() throws {
    let side = Self.scenes.side
    var occluded = 0
    for index in 0..<300 {
      let scene = Self.scenes.scene(at: index)
      var owners = [Int](repeating: 0, count: side * side)
      for (number, object) in scene.objects.enumerated() {
        try expectTight(object.box, around: object.mask, side)
        try expectTight(object.visibleBox, around: object.visibleMask, side)
        var area = 0, visible = 0
        for place in owners.indices {
          area += Int(object.mask[place])
          visible += Int(object.visibleMask[place])
          if object.visibleMask[place] == 1 {
            #expect(object.mask[place] == 1 && owners[place] == 0)
            owners[place] = number + 1
          } else if object.mask[place] == 1 {
            // What hides an object lies in front of it.
            #expect(scene.objects[(number + 1)...].contains { $0.mask[place] == 1 })
          }
        }
        #expect(visible * 3 >= area, "scene \(index): only \(visible) of \(area) pixels are seen")
        if visible < area { occluded += 1 }
      }
      for place in owners.indices {
        let label = owners[place] == 0 ? 0 : scene.objects[owners[place] - 1].label + 1
        #expect(Int(scene.semanticMask[place]) == label)
        let right = place % side < side - 1 ? place + 1 : place
        let below = place + side < side * side ? place + side : place
        let changes = owners[right] != owners[place] || owners[below] != owners[place]
        #expect(scene.boundaries[place] == (changes ? 1 : 0))
        if scene.semanticMask[right] != scene.semanticMask[place] { #expect(scene.boundaries[place] == 1) }
      }
    }
    #expect(occluded > 30, "partial occlusion is common: \(occluded)")
  }

  private func expectTight(_ box: PixelBox, around mask: [UInt8], _ side: Int) throws {
    let inside = mask.indices.filter { mask[$0] == 1 }
    try #require(!inside.isEmpty)
    let columns = inside.map { $0 % side }, rows = inside.map { $0 / side }
    #expect(box.x == columns.min() && box.x + box.width - 1 == columns.max()!)
    #expect(box.y == rows.min() && box.y + box.height - 1 == rows.max()!)
  }

  @Test(arguments: [1, 2, 3, 4]) func theImageIsTheMeanOfItsOriginal(scale: Int) {
    let scenes = Scenes(count: 8, side: 20, originalScale: scale)
    for index in 0..<8 {
      let scene = scenes.scene(at: index)
      #expect(scene.original.width == 20 * scale && scene.original.height == 20 * scale)
      for row in 0..<20 {
        for column in 0..<20 {
          for channel in 0..<3 {
            var sum = 0
            for down in 0..<scale {
              for right in 0..<scale {
                sum += Int(scene.original[row * scale + down, column * scale + right, channel])
              }
            }
            let mean = (Double(sum) / Double(scale * scale) + 0.5).rounded(.down)
            #expect(Double(scene.image[row, column, channel]) == mean)
          }
        }
      }
    }
  }

  /// A mask's inside has the object's colours and its outside the background's, so their means differ nearly always.
  @Test func objectsAreWhereTheirMasksSay() {
    var apart = 0
    for index in 0..<100 {
      let scene = Self.scenes.scene(at: index)
      var sums = [[Double]](repeating: [0, 0, 0, 0], count: 2)
      for place in scene.semanticMask.indices {
        guard let main = scene.objects.last, main.mask[place] == 1 || scene.semanticMask[place] == 0 else { continue }
        let side = Int(main.mask[place])
        for channel in 0..<3 { sums[side][channel] += Double(scene.image.pixels[3 * place + channel]) }
        sums[side][3] += 1
      }
      let distance = (0..<3).map { abs(sums[0][$0] / sums[0][3] - sums[1][$0] / sums[1][3]) }.max()!
      if distance > 30 { apart += 1 }
    }
    #expect(apart >= 90)
  }

  /// Of eight frames each moves the main object by a quarter of the side, in a straight line, and all else stays.
  @Test func clipsShowTheMainObjectPassing() {
    let clips = Scenes(count: 40, side: 64, frames: 8), stills = Scenes(count: 40, side: 64)
    var away = 0, steps = 0
    for clip in 0..<40 {
      let frames = (0..<8).map { clips.scene(at: clip * 8 + $0) }, still = stills.scene(at: clip)
      #expect(frames.allSatisfy { $0.label == still.label && $0.objects.count == still.objects.count })
      #expect(frames.allSatisfy { $0.objects.dropLast().map(\.mask) == still.objects.dropLast().map(\.mask) })
      let boxes = frames.map { $0.objects.last!.box }
      #expect(boxes.contains { $0.width > 0 }, "clip \(clip) never shows its object")
      away += boxes.count { $0.width == 0 }
      func isWhole(_ box: PixelBox) -> Bool {
        box.width > 0 && box.x > 0 && box.y > 0 && box.x + box.width < 64 && box.y + box.height < 64
      }
      for (a, b) in zip(boxes, boxes.dropFirst()) where isWhole(a) && isWhole(b) {
        let (x, y) = (Double(b.x - a.x), Double(b.y - a.y))
        // Boxes are whole pixels.
        #expect(abs((x * x + y * y).squareRoot() - 16) < 1.6, "clip \(clip): \(x), \(y)")
        steps += 1
      }
      #expect(frames[0].image != frames[1].image, "grain differs, and the place")
    }
    #expect(steps > 20 && away > 60 && away < 160, "\(steps) steps in sight, \(away) of 320 frames without")
  }

  @Test(arguments: [16, 17, 33, 512]) func drawsAnySize(side: Int) {
    let scene = Scenes(count: 1, side: side).scene(at: 0)
    #expect(scene.image.width == side && scene.semanticMask.count == side * side)
    // The same scene whatever the size: the main object's share of the picture hardly changes.
    let share = Double(scene.objects.last!.mask.count { $0 == 1 }) / Double(side * side)
    let reference = Scenes(count: 1, side: 128).scene(at: 0).objects.last!.mask.count { $0 == 1 }
    #expect(abs(share - Double(reference) / (128 * 128)) < 0.02)
  }
}
