package plot

import (
	"fmt"
	"image/color"
	"math"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fbpinn-mpi/io/snapshot"
)

// windowsUpTo is the number of subdomains of a level up to which the full windows are drawn; beyond it they would cover each
// other, and the cells around the centres say more.
const windowsUpTo = 64

// maxPanels bounds the levels shown, so that they stay legible; where there are more, the finest are shown.
const maxPanels = 9

// Decomposition draws the subdomains of each level in the colour of their owner: for one coordinate as staggered bars, level
// over level; else as boxes over the first two coordinates, a panel a level.
func Decomposition(path string, s *snapshot.Snapshot) error {
	dec := s.Decomposition
	levels := 0
	for _, l := range dec.Level {
		levels = max(levels, int(l)+1)
	}
	members := make([][]int, levels)
	for i, l := range dec.Level {
		members[l] = append(members[l], i)
	}
	if len(s.Coords) == 1 {
		return picture(path, 1600, 160+110*min(levels, maxPanels), func(c draw.Canvas) {
			bars(s, members).Draw(cell(c, 0, 1, 0, 1))
		})
	}
	first := max(0, levels-maxPanels)
	shown := levels - first
	cols := min(shown, 4)
	rows := (shown + cols - 1) / cols
	return picture(path, 480*cols+40, 470*rows, func(c draw.Canvas) {
		for l := first; l < levels; l++ {
			boxes(s, l, members[l]).Draw(cell(c, (l-first)%cols, cols, (l-first)/cols, rows))
		}
	})
}

// ownerColour tells neighbouring ranks apart: hues a golden angle from one another, in three strengths. Replicated
// subdomains are grey.
func ownerColour(rank int32) color.NRGBA {
	if rank < 0 {
		return color.NRGBA{120, 120, 120, 255}
	}
	hue := math.Mod(0.58+float64(rank)*0.6180339887498949, 1) * 6
	value := []float64{0.85, 0.65, 0.95}[rank%3]
	channel := func(offset float64) uint8 {
		k := math.Mod(offset+hue, 6)
		return uint8(255*value*(1-0.65*math.Max(0, math.Min(math.Min(k, 4-k), 1))) + 0.5)
	}
	return color.NRGBA{channel(5), channel(3), channel(1), 255}
}

func fade(c color.NRGBA, alpha uint8) color.NRGBA { c.A = alpha; return c }

// title counts the subdomains of a level and their owners.
func title(s *snapshot.Snapshot, level int, members []int) string {
	ranks := map[int32]bool{}
	for _, i := range members {
		ranks[s.Decomposition.Owner[i]] = true
	}
	text := fmt.Sprintf("level %d: %d subdomain", level+1, len(members))
	if len(members) > 1 {
		text += "s"
	}
	switch {
	case ranks[-1]:
		text += ", on all ranks"
	case len(ranks) == 1:
		text += ", 1 rank"
	default:
		text += fmt.Sprintf(", %d ranks", len(ranks))
	}
	return text
}

// rectangle of a picture in data coordinates with fill and outline; either may be transparent.
type rectangle struct {
	x0, x1, y0, y1 float64
	fill, edge     color.Color
	width          vg.Length
}

// rectangles is a plotter that clips to the domain.
type rectangles []rectangle

func (rs rectangles) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	clip := func(v, lo, hi vg.Length) vg.Length { return max(lo, min(v, hi)) }
	for _, r := range rs {
		x0, x1 := clip(tx(r.x0), c.Min.X, c.Max.X), clip(tx(r.x1), c.Min.X, c.Max.X)
		y0, y1 := clip(ty(r.y0), c.Min.Y, c.Max.Y), clip(ty(r.y1), c.Min.Y, c.Max.Y)
		if x0 >= x1 || y0 >= y1 {
			continue
		}
		corners := []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
		c.FillPolygon(r.fill, corners)
		if r.width > 0 {
			c.StrokeLines(draw.LineStyle{Color: r.edge, Width: r.width}, append(corners, corners[0]))
		}
	}
}

// boxes draws one level over the first two coordinates.
func boxes(s *snapshot.Snapshot, level int, members []int) *plot.Plot {
	dec, d := s.Decomposition, len(s.Coords)
	x, y := s.Coords[0], s.Coords[1]
	p := panel(title(s, level, members), label(x.Name, x.Units), label(y.Name, y.Units))
	p.Title.TextStyle.Font.Size = textSize
	p.X.Min, p.X.Max = ends(x.Values)
	p.Y.Min, p.Y.Max = ends(y.Values)
	cx, cy := cells(s, members, 0), cells(s, members, 1)
	edge := vg.Points(0.6)
	if len(members) > 1024 {
		edge = 0 // outlines would hide the colours
	}
	var cores, windows rectangles
	for k, i := range members {
		col := ownerColour(dec.Owner[i])
		cores = append(cores, rectangle{cx[k][0], cx[k][1], cy[k][0], cy[k][1], fade(col, 150), color.White, edge})
		hx, hy := dec.Width[i*d]/2, dec.Width[i*d+1]/2
		mx, my := dec.Centre[i*d], dec.Centre[i*d+1]
		windows = append(windows, rectangle{mx - hx, mx + hx, my - hy, my + hy, color.Transparent, fade(col, 190), vg.Points(1.1)})
	}
	p.Add(cores)
	if len(members) <= windowsUpTo {
		p.Add(windows)
	}
	p.Add(removed(s))
	if len(members) <= 1024 {
		dots := make(plotter.XYs, len(members))
		for k, i := range members {
			dots[k] = plotter.XY{X: dec.Centre[i*d], Y: dec.Centre[i*d+1]}
		}
		p.Add(&plotter.Scatter{XYs: inside(dots, p), GlyphStyle: draw.GlyphStyle{Color: black, Radius: vg.Points(1.2), Shape: draw.CircleGlyph{}}})
	}
	return p
}

// removed covers what does not belong to the domain, as far as a plane can show it: boxes that take the other coordinates from
// end to end.
func removed(s *snapshot.Snapshot) (rs rectangles) {
next:
	for _, b := range s.Removed {
		for a := range s.Coords[2:] {
			if lo, hi := ends(s.Coords[2+a].Values); b.Lo[2+a] > lo || b.Hi[2+a] < hi {
				continue next
			}
		}
		rs = append(rs, rectangle{b.Lo[0], b.Hi[0], b.Lo[1], b.Hi[1], color.White, grey, vg.Points(0.8)})
	}
	return rs
}

func inside(dots plotter.XYs, p *plot.Plot) plotter.XYs {
	var in plotter.XYs
	for _, q := range dots {
		if q.X >= p.X.Min && q.X <= p.X.Max && q.Y >= p.Y.Min && q.Y <= p.Y.Max {
			in = append(in, q)
		}
	}
	return in
}

func ends(x []float64) (lo, hi float64) { return x[0], x[len(x)-1] }

// cells returns, for each member, the part of axis a that is nearer to its centre than to the next ones: on a rectangular
// grid of subdomains, the cell of the grid.
func cells(s *snapshot.Snapshot, members []int, a int) [][2]float64 {
	d := len(s.Coords)
	lo, hi := ends(s.Coords[a].Values)
	var centres []float64
	for _, i := range members {
		centres = append(centres, s.Decomposition.Centre[i*d+a])
	}
	sort.Float64s(centres)
	distinct := centres[:0:0]
	for _, c := range centres {
		// Centres of one grid line may differ by rounding.
		if n := len(distinct); n == 0 || c-distinct[n-1] > 1e-9*(hi-lo) {
			distinct = append(distinct, c)
		}
	}
	out := make([][2]float64, len(members))
	for k, i := range members {
		at := min(sort.SearchFloat64s(distinct, s.Decomposition.Centre[i*d+a]-1e-9*(hi-lo)), len(distinct)-1)
		out[k] = [2]float64{lo, hi}
		if at > 0 {
			out[k][0] = (distinct[at-1] + distinct[at]) / 2
		}
		if at+1 < len(distinct) {
			out[k][1] = (distinct[at] + distinct[at+1]) / 2
		}
	}
	return out
}

// bars draws all levels of a decomposition over one coordinate.
func bars(s *snapshot.Snapshot, members [][]int) *plot.Plot {
	dec, x := s.Decomposition, s.Coords[0]
	p := panel("decomposition", label(x.Name, x.Units), "")
	p.X.Min, p.X.Max = ends(x.Values)
	first := max(0, len(members)-maxPanels)
	p.Y.Min, p.Y.Max = -float64(len(members)-first), 0
	var rs rectangles
	var ticks []plot.Tick
	for l := first; l < len(members); l++ {
		top := -float64(l - first)
		ticks = append(ticks, plot.Tick{Value: top - 0.5, Label: title(s, l, members[l])})
		core := cells(s, members[l], 0)
		for k, i := range members[l] {
			col := ownerColour(dec.Owner[i])
			lo, hi := dec.Centre[i]-dec.Width[i]/2, dec.Centre[i]+dec.Width[i]/2
			if len(members[l]) > windowsUpTo {
				rs = append(rs, rectangle{core[k][0], core[k][1], top - 0.9, top - 0.1, fade(col, 170), color.White, 0})
				continue
			}
			// Three lanes keep overlapping neighbours apart: no width over spacing below three hides a bar.
			y := top - 0.1 - 0.8*float64(k%3)/3
			rs = append(rs, rectangle{lo, hi, y - 0.24, y, fade(col, 60), col, vg.Points(1)},
				rectangle{core[k][0], core[k][1], y - 0.24, y, fade(col, 200), col, 0})
		}
	}
	for _, b := range s.Removed {
		rs = append(rs, rectangle{b.Lo[0], b.Hi[0], p.Y.Min, p.Y.Max, color.White, grey, vg.Points(0.8)})
	}
	p.Add(rs)
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.Y.Tick.Length = 0
	p.Y.LineStyle.Width = 0
	return p
}
