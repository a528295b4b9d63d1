package problem

// Draw is random number index of a stream, uniform in [0,1). It is a function of its arguments alone, so every rank can
// draw any number without the ones before, and results do not depend on the layout.
//
// It is SplitMix64 (Steele, Lea & Flood 2014) with the counter as its state and a key hashed from seed and stream.
func Draw(seed, stream, index uint64) float64 {
	key := mix(mix(seed+golden) + stream*golden)
	return float64(mix(key+(index+1)*golden)>>11) * 0x1p-53
}

// golden is 2^64 over the golden ratio, the increment of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is the output function of SplitMix64 (variant 13 of Stafford).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
