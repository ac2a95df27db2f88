import Compute

extension Batch {
  /// Mixes the loaded samples in place, two by two from both ends: sample i with sample count - 1 - i.
  ///
  /// The middle one of an odd number stays as it is, and so do both where one could not be read.
  /// - Parameter key: that of the seed; what is drawn is keyed by epoch, step and replica below it.
  func mix(_ mixing: Mixing, key: RandomKey) {
    let key = key.appending(address.epoch).appending(address.step).appending(address.replica)
    let size = ImageSize(width: sampleShape[1], height: sampleShape[0])
    func draw(_ number: Int) -> Mix {
      var random = RandomStream(key.appending(number))
      return mixing.draw(size: size, &random)
    }
    let common = mixing.mode == .batch ? draw(0) : Mix()
    for place in 0..<(count + 1) / 2 {
      let partner = count - 1 - place
      var mixes = (Mix(), Mix())
      if place != partner && weightMemory[place] != 0 && weightMemory[partner] != 0 {
        switch mixing.mode {
        case .batch: mixes = (common, common)
        case .pair:
          mixes.0 = draw(place)
          mixes.1 = mixes.0
        case .elem: mixes = (draw(place), draw(partner))
        }
      }
      mix(place, partner, mixes)
    }
    isMixed = true
  }

  /// Mixes two samples with each other, each in its own way.
  package func mix(_ first: Int, _ second: Int, _ mixes: (Mix, Mix)) {
    partnerMemory[first] = labelMemory[second]
    partnerMemory[second] = labelMemory[first]
    shareMemory[first] = mixes.0.labelShare
    shareMemory[second] = mixes.1.labelShare
    let width = sampleShape[1], channels = sampleShape[2]
    let a = imageMemory + first * sampleShape.count, b = imageMemory + second * sampleShape.count
    let columns = Self.hull(mixes.0.columns, mixes.1.columns)
    for row in Self.hull(mixes.0.rows, mixes.1.rows) {
      for column in columns {
        let shares = (mixes.0.share(row: row, column: column), mixes.1.share(row: row, column: column))
        let start = (row * width + column) * channels
        for element in start..<start + channels {
          let (own, other) = (a[element], b[element])
          a[element] = Self.mixed(own, other, shares.0)
          b[element] = Self.mixed(other, own, shares.1)
        }
      }
    }
  }

  /// share * own + (1 - share) * other, untouched where one of them counts nothing.
  @inline(__always)
  private static func mixed(_ own: Float, _ other: Float, _ share: Float) -> Float {
    share == 1 ? own : share == 0 ? other : own * share + other * (1 - share)
  }

  /// The smallest range that holds both.
  private static func hull(_ a: Range<Int>, _ b: Range<Int>) -> Range<Int> {
    a.isEmpty ? b : b.isEmpty ? a : min(a.lowerBound, b.lowerBound)..<max(a.upperBound, b.upperBound)
  }
}
