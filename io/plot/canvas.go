// Package plot draws the pictures of a run from the content of its solution file, so that they can be drawn again at any time:
// solution, exact solution and error; history; decomposition; linear problems. Runs are compared in a work-precision figure.
package plot

import (
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"fbpinn-mpi/io/h5"
	"fbpinn-mpi/io/snapshot"
)

const (
	dpi       = 100
	textSize  = vg.Length(13)
	titleSize = vg.Length(15)
)

// pixels turns pixels of the picture into lengths.
func pixels(n int) vg.Length { return vg.Length(n) * vg.Inch / dpi }

var (
	// Okabe and Ito's colours tell apart lines for colour-blind readers, too.
	black = color.RGBA{0, 0, 0, 255}
	grey  = color.RGBA{150, 150, 150, 255}
	lines = []color.Color{color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255},
		color.RGBA{204, 121, 167, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{86, 180, 233, 255}, color.RGBA{110, 110, 110, 255}}
)

// panel is a plot in the house style.
func panel(title, x, y string) *plot.Plot {
	p := plot.New()
	sans := func(s *text.Style, size vg.Length) {
		s.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	}
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = 6
	sans(&p.Title.TextStyle, titleSize)
	sans(&p.X.Label.TextStyle, textSize)
	sans(&p.Y.Label.TextStyle, textSize)
	sans(&p.X.Tick.Label, textSize-1)
	sans(&p.Y.Tick.Label, textSize-1)
	sans(&p.Legend.TextStyle, textSize-1)
	p.Legend.Padding = 3
	p.Legend.ThumbnailWidth = 28
	p.Legend.XOffs, p.Legend.YOffs = -14, -4 // clear of the frame
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Tick.Marker, p.Y.Tick.Marker = roundTicks{}, roundTicks{}
	return p
}

// picture makes a white canvas and saves what fn draws on it as PNG. The name appears when the file is complete.
func picture(path string, w, h int, fn func(c draw.Canvas)) error {
	img := vgimg.NewWith(vgimg.UseWH(pixels(w), pixels(h)), vgimg.UseDPI(dpi))
	fn(draw.New(img))
	if err := h5.ReplaceStream(path, func(w io.Writer) error {
		_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(w)
		return err
	}); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	return nil
}

// cell is the part of a canvas in column i of cols and row j of rows, the top row first, with a margin around it.
func cell(c draw.Canvas, i, cols, j, rows int) draw.Canvas {
	const margin = vg.Length(10)
	w, h := (c.Max.X-c.Min.X)/vg.Length(cols), (c.Max.Y-c.Min.Y)/vg.Length(rows)
	return draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
		Min: vg.Point{X: c.Min.X + w*vg.Length(i) + margin, Y: c.Max.Y - h*vg.Length(j+1) + margin},
		Max: vg.Point{X: c.Min.X + w*vg.Length(i+1) - margin, Y: c.Max.Y - h*vg.Length(j) - margin},
	}}
}

// label writes a name with its unit.
func label(name, units string) string {
	if units == "" || units == "1" {
		return name
	}
	return name + " (" + units + ")"
}

// All draws every picture that the snapshot has data for into folder dir and returns their paths: solution-<unknown>.png for
// each field that has no other role, history.png, decomposition.png, linear.png.
func All(dir string, s *snapshot.Snapshot) (paths []string, err error) {
	add := func(name string, fn func(path string) error) {
		if err == nil {
			path := filepath.Join(dir, name)
			if err = fn(path); err == nil {
				paths = append(paths, path)
			}
		}
	}
	for _, u := range Unknowns(s) {
		add("solution-"+u+".png", func(path string) error { return Solution(path, s, u) })
	}
	if len(s.History) > 1 && len(s.History[0].Values) > 0 {
		add("history.png", func(path string) error { return History(path, s) })
	}
	if s.Decomposition != nil && s.Decomposition.N() > 0 {
		add("decomposition.png", func(path string) error { return Decomposition(path, s) })
	}
	if s.Linear != nil && len(s.Linear.Column("seconds_blocks")) > 0 && len(s.History) > 0 && len(s.History[0].Values) > 0 {
		add("linear.png", func(path string) error { return Linear(path, s) })
	}
	return paths, err
}

// Unknowns lists the fields that are neither exact solution, error nor residual.
func Unknowns(s *snapshot.Snapshot) []string {
	var names []string
	for _, f := range s.Fields {
		if !strings.HasSuffix(f.Name, "_exact") && !strings.HasSuffix(f.Name, "_error") && !strings.HasPrefix(f.Name, "residual_") {
			names = append(names, f.Name)
		}
	}
	return names
}
