package catalog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// maxLine is how long a line, or a CSV record of several lines, may be in bytes.
const maxLine = 1 << 20

// A textLine is a line of a file without its end. Its text lasts until the next is read.
type textLine struct {
	// number counts from 1.
	number int64
	text   []byte
	// tooLong says that text is only the beginning.
	tooLong bool
	// end is the offset in the file after the line.
	end int64
}

// fault returns what makes the line unreadable, or "".
func (l textLine) fault() string {
	switch {
	case l.tooLong:
		return "must be at most 1 MiB long"
	case bytes.IndexByte(l.text, 0) >= 0:
		return "must not hold NUL bytes"
	case !utf8.Valid(l.text):
		return "must be UTF-8"
	}
	return ""
}

// lineReader reads lines of any length in bounded memory.
type lineReader struct {
	r      *bufio.Reader
	number int64
	offset int64
	text   []byte
	// unread are lines that are to be read again, first the next.
	unread []textLine
}

func newLineReader(source io.ReaderAt, size int64) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(io.NewSectionReader(source, 0, size), 256<<10)}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// next returns the next line, or io.EOF. A byte order mark at the file's start is left out.
func (lr *lineReader) next() (textLine, error) {
	if len(lr.unread) > 0 {
		line := lr.unread[0]
		lr.unread = lr.unread[1:]
		return line, nil
	}
	lr.text = lr.text[:0]
	line := textLine{number: lr.number + 1}
	for {
		part, err := lr.r.ReadSlice('\n')
		lr.offset += int64(len(part))
		if room := maxLine + 2 - len(lr.text); len(part) <= room {
			lr.text = append(lr.text, part...)
		} else {
			lr.text = append(lr.text, part[:room]...)
			line.tooLong = true
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(lr.text) == 0:
			return textLine{}, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return textLine{}, err
		}
		break
	}
	lr.number++
	line.end = lr.offset
	line.text = bytes.TrimSuffix(bytes.TrimSuffix(lr.text, []byte("\n")), []byte("\r"))
	if line.number == 1 {
		line.text = bytes.TrimPrefix(line.text, byteOrderMark)
	}
	line.tooLong = line.tooLong || len(line.text) > maxLine
	return line, nil
}
